//! Two sets with one connection between them, and the judgement of what became of it.

use super::app;
use crate::abi::mrpc_connection;
use crate::conn::{Conn, ConnHub};
use crate::proto::status;
use crate::protocol::Role;
use crate::set::Set;
use crate::sync::sim::wait::{self, Key};
use crate::sys::sim::net::{self, Kind, Nature};
use crate::sys::sim::{env, fd::Fd};
use std::cell::RefCell;
use std::collections::HashSet;
use std::os::fd::RawFd;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// What a run is like.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub kind: Kind,
    pub nature: Nature,
    /// As without MINIRPC_TICK=0.
    pub ticks: bool,
    pub cpus: u32,
    pub dispatchers: [u32; 2],
}

impl Plan {
    /// The plainest one.
    pub fn new(seed: u64) -> Plan {
        Plan {
            seed,
            kind: Kind::Tcp,
            nature: Nature::default(),
            ticks: true,
            cpus: 1,
            dispatchers: [1, 1],
        }
    }

    /// One as the seed chooses.
    pub fn any(seed: u64) -> Plan {
        let mut x = super::runner::mix(seed);
        let mut choose = |bound: u64| {
            x = super::runner::mix(x);
            x % bound
        };
        let buffers = [48, 300, 4096, 1 << 20];
        Plan {
            seed,
            kind: [Kind::Tcp, Kind::Unix][choose(2) as usize],
            nature: Nature {
                cuts: choose(2) == 0,
                interrupts: [0, 0, 10][choose(3) as usize],
                send_buffer: buffers[choose(4) as usize],
                receive_buffer: buffers[choose(4) as usize],
            },
            ticks: choose(2) == 0,
            cpus: 1 + choose(2) as u32,
            dispatchers: [1 + choose(2) as u32, 1 + choose(2) as u32],
        }
    }
}

pub struct Pair {
    sets: Vec<Arc<Set>>,
    hubs: Vec<Weak<ConnHub>>,
    carrier: Option<(usize, Arc<AtomicBool>)>,
    /// The connection's descriptors, of the first end and the second.
    pub fds: [RawFd; 2],
}

std::thread_local! {
    static CONNS: RefCell<Vec<Weak<Conn>>> = const { RefCell::new(Vec::new()) };
}

pub fn share(conn: *mut mrpc_connection) -> Arc<Conn> {
    let at = conn.cast::<Conn>().cast_const();
    // SAFETY: a handle that lives; the count is raised for what is made.
    unsafe {
        Arc::increment_strong_count(at);
        Arc::from_raw(at)
    }
}

/// Makes a new handle, on which the application has a reference, answer.
pub fn prepare(conn: *mut mrpc_connection) {
    static TABLE: u8 = 0;
    let conn = share(conn);
    CONNS.with(|conns| conns.borrow_mut().push(Arc::downgrade(&conn)));
    conn.set_operations((&raw const TABLE).cast());
}

pub fn conn(end: usize) -> Arc<Conn> {
    share(app::conn(end))
}

/// Lets time pass.
pub fn pause(time: Duration) {
    wait::sleep(Key::Time, Some(wait::deadline(time)));
}

impl Pair {
    /// Begins a run: two sets, without a connection.
    pub fn sets(plan: &Plan) -> Pair {
        let step = Duration::from_micros(if plan.cpus > 1 { 5 } else { 0 });
        wait::begin(
            plan.seed.wrapping_mul(2) + 77,
            step,
            Duration::from_secs(100_000),
        );
        net::begin(plan.nature);
        env::set("MINIRPC_TICK", if plan.ticks { "1" } else { "0" });
        env::set("CPUS", &plan.cpus.to_string());
        app::begin();
        CONNS.with(|conns| conns.borrow_mut().clear());
        let carrier = plan.nature.cuts.then(|| {
            let goes_on = Arc::new(AtomicBool::new(true));
            let carries = Arc::clone(&goes_on);
            let carry = move || net::carry(|| carries.load(Ordering::SeqCst));
            (wait::spawn("wire", carry), goes_on)
        });
        let sets: Vec<Arc<Set>> = [false, true]
            .into_iter()
            .zip(plan.dispatchers)
            .map(|(is_server, dispatchers)| {
                let role = Role::new(app::protocol(is_server));
                let set = Set::create(role, null_mut()).unwrap();
                if is_server {
                    set.set_accept_func(app::on_accept).unwrap();
                }
                set.set_disconnect_func(Some(app::on_disconnect)).unwrap();
                set.set_ioerr_func(Some(app::on_ioerr)).unwrap();
                set.set_room_func(Some(app::on_room)).unwrap();
                for _ in 0..dispatchers {
                    set.spawn_dispatcher().unwrap();
                }
                set
            })
            .collect();
        Pair {
            hubs: sets.iter().map(|set| Arc::downgrade(set.hub())).collect(),
            sets,
            carrier,
            fds: [-1, -1],
        }
    }

    /// Two ends that are connected: 0 and 1.
    pub fn new(plan: &Plan) -> Pair {
        let mut pair = Pair::sets(plan);
        let (a, b) = net::with(|n| n.pair(plan.kind));
        pair.fds = [a, b];
        pair.bind(0, a);
        pair.bind(1, b);
        pair
    }

    pub fn set(&self, side: usize) -> &Arc<Set> {
        &self.sets[side]
    }

    /// Makes an end of a descriptor.
    pub fn bind(&self, side: usize, fd: RawFd) -> usize {
        let end = self.make_end(side);
        conn(end).bind(fd).unwrap();
        end
    }

    /// An end that is not connected.
    pub fn make_end(&self, side: usize) -> usize {
        // The cookie has to be known before the handle is.
        let end = app::add_end(null_mut(), side == 1);
        let conn = Conn::create(self.sets[side].hub(), app::cookie(end)).unwrap();
        let handle: *mut mrpc_connection = conn.as_handle().cast();
        prepare(handle);
        app::set_conn(end, handle);
        end
    }

    /// Waits until `is`, as time passes; false: not within `limit`.
    pub fn wait(&self, limit: Duration, is: impl Fn() -> bool) -> bool {
        let deadline = wait::deadline(limit);
        loop {
            wait::quiet();
            if is() {
                return true;
            }
            if wait::now() >= deadline {
                return false;
            }
            pause(Duration::from_millis(1).max(limit / 1000));
        }
    }

    /// Ends the run: what is open is closed, then nothing may be left. `patience`: how long the
    /// ends may take to tell their disconnects.
    pub fn finish(mut self, patience: Duration) {
        for end in 0..app::ends() {
            let _ = conn(end).close();
        }
        let over = || (0..app::ends()).all(|end| app::with(end, |e| e.over.is_some()));
        let left = || {
            let ends = 0..app::ends();
            ends.filter(|end| app::with(*end, |e| e.over.is_none()))
                .collect::<Vec<_>>()
        };
        assert!(self.wait(patience, over), "no disconnect of {:?}", left());
        for end in 0..app::ends() {
            conn(end).drop_user();
        }
        self.let_go();
        self.end(Duration::from_secs(1));
    }

    /// Drops the references to the sets.
    pub fn let_go(&mut self) {
        for set in self.sets.drain(..) {
            set.hub().drop_user();
        }
    }

    /// What nobody has a reference to any more ends, and nothing is left of it.
    pub fn end(mut self, patience: Duration) {
        let carries = usize::from(self.carrier.is_some());
        let ended = || wait::alive().len() == carries;
        assert!(
            self.wait(patience, ended),
            "still alive: {:?}",
            wait::alive()
        );
        if let Some((carrier, goes_on)) = self.carrier.take() {
            goes_on.store(false, Ordering::SeqCst);
            wait::wake(Key::Wire);
            wait::join(carrier);
        }
        self.judge();
    }

    fn judge(&self) {
        let open = net::with(|n| n.open());
        assert!(open.is_empty(), "left open: {open:?}");
        let freed = self.hubs.iter().all(|hub| hub.strong_count() == 0);
        assert!(freed, "a set is left");
        let conns = CONNS.with(|conns| conns.borrow().iter().all(|c| c.strong_count() == 0));
        assert!(conns, "a connection is left");
        assert!(wait::rescues() == 0, "a wake-up was lost: a tick found it");
        for end in 0..app::ends() {
            app::with(end, |e| {
                for (id, call) in &e.calls {
                    assert!(call.ended.is_some(), "call {id} of end {end} has not ended");
                }
                let asked: HashSet<u32> = e.asked.iter().copied().collect();
                assert!(asked.len() == e.asked.len(), "a request came twice");
            });
        }
        if app::ends() == 2 {
            for (from, to) in [(0, 1), (1, 0)] {
                let sent = app::with(from, |e| e.sent.clone());
                let got = app::with(to, |e| e.notes.clone());
                let threads: HashSet<usize> = sent.iter().map(|(_, by)| *by).collect();
                let count = got.len();
                for thread in threads {
                    let of = |id: &u32| sent.contains(&(*id, thread));
                    let sent = sent
                        .iter()
                        .filter(|(_, by)| *by == thread)
                        .map(|(id, _)| *id);
                    let got: Vec<u32> = got.iter().copied().filter(of).collect();
                    let in_order = sent.take(got.len()).eq(got.iter().copied());
                    assert!(in_order, "thread {thread}'s notes: {got:?} of {count}");
                }
            }
        }
    }
}

/// All calls have ended with OK, all notes have come, nothing was reported.
pub fn all_well() -> bool {
    (0..app::ends()).all(|end| {
        let ok = |call: &app::Call| call.ended.is_some_and(|(status, _)| status == status::OK);
        let sent = app::with(end ^ 1, |e| e.sent.len());
        app::with(end, |e| {
            e.calls.values().all(ok) && e.notes.len() == sent && e.reports.is_empty()
        })
    })
}

/// What it was that not all is well.
pub fn ailments() -> String {
    let ends = (0..app::ends()).map(|end| {
        app::with(end, |e| {
            let calls: Vec<_> = e
                .calls
                .iter()
                .filter(|(_, c)| !matches!(c.ended, Some((0, _))))
                .collect();
            format!(
                "end {end}: calls {calls:?}, sent {:?}, got {:?}, reports {:?}, over {:?}\n",
                e.sent, e.notes, e.reports, e.over
            )
        })
    });
    ends.collect()
}

/// Closes a descriptor that the test has kept for itself.
pub fn close_raw(fd: RawFd) {
    drop(Fd::own(fd));
}
