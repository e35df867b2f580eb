//! Dispatchers: application threads that run events.
//!
//! A dispatcher with nothing to run takes the driver token if it is free, turns the loop, and
//! runs what the turn found; if the token is taken, it parks. The token, like every lock, is
//! let go of before any C code runs.

use crate::conn::Conn;
use crate::error::{Errno, Result};
use crate::event::{AsyncCall, Event};
use crate::ffi::upcall;
use crate::local;
use crate::reactor::spin::{self, End};
use crate::reactor::{Driver, Found};
use crate::set::{Attending, Set, Watched};
use crate::sync::race_point;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Batch = VecDeque<Event<AsyncCall>>;

/// Events of one connection that a runner takes out at a time.
const BATCH: usize = 256;
/// After this many runs in a row a busy dispatcher looks at the sockets.
const RUNS_PER_LOOK: u32 = 4;
/// A blocking wait below this makes a driver's spinning look worth while again.
const SHORT_WAIT: Duration = Duration::from_micros(150);

/// The events that the calling thread is running.
struct Ticket {
    conn: Arc<Conn>,
    batch: Batch,
    released: bool,
    /// More than one event: what they send is gathered.
    gathers: bool,
}

/// The thread's ticket and registrations. Dropped with the thread: a thread that ends inside a
/// callback has finished its event, and is no dispatcher any more.
#[derive(Default)]
struct Local {
    ticket: Option<Ticket>,
    spare: Batch,
    registered: Vec<(Arc<Set>, u32)>,
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.close();
        }
        for (set, times) in self.registered.drain(..) {
            set.dispatchers_gone(times as usize);
        }
    }
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::new(Local::default());
}

fn with_local<R>(f: impl FnOnce(&mut Local) -> R) -> Option<R> {
    // Borrowed already: a signal handler came in between, and handles no event.
    LOCAL
        .try_with(|l| l.try_borrow_mut().ok().map(|mut l| f(&mut l)))
        .ok()
        .flatten()
}

/// True if the calling thread is inside an event handler.
pub fn is_handling() -> bool {
    with_local(|l| l.ticket.is_some()).unwrap_or(false)
}

/// True if the calling thread runs a batch of this connection's events, at whose end what they
/// sent is flushed.
pub fn is_in_batch(conn: &Arc<Conn>) -> bool {
    with_local(|l| {
        l.ticket
            .as_ref()
            .is_some_and(|t| t.gathers && !t.released && Arc::ptr_eq(&t.conn, conn))
    })
    .unwrap_or(false)
}

/// Lets the connection's next event run although the handler has not returned.
pub fn release_current() -> Result<()> {
    let released = with_local(|l| match &mut l.ticket {
        Some(t) if t.released => Err(Errno(libc::ENOENT)),
        Some(t) => {
            t.released = true;
            Ok((Arc::clone(&t.conn), std::mem::take(&mut t.batch)))
        }
        None => Err(Errno(libc::EPERM)),
    })
    .unwrap_or(Err(Errno(libc::EPERM)));
    let (conn, mut batch) = released?;
    if conn.finish_events(&mut batch) {
        conn.set().schedule(Arc::clone(&conn));
    }
    Ok(())
}

impl Ticket {
    fn close(mut self) {
        if !self.released && self.conn.finish_events(&mut self.batch) {
            let set = Arc::clone(self.conn.set());
            set.schedule(self.conn);
        }
    }
}

impl Set {
    pub fn register_dispatcher(self: &Arc<Self>) {
        if self.check_process().is_err() {
            return;
        }
        self.dispatchers_came(1);
        let listed =
            with_local(
                |l| match l.registered.iter_mut().find(|(s, _)| Arc::ptr_eq(s, self)) {
                    Some((_, times)) => *times += 1,
                    None => l.registered.push((Arc::clone(self), 1)),
                },
            );
        if listed.is_none() {
            self.dispatchers_gone(1);
        }
    }

    pub fn unregister_dispatcher(self: &Arc<Self>) {
        let removed = with_local(|l| {
            let at = l
                .registered
                .iter()
                .position(|(s, _)| Arc::ptr_eq(s, self))?;
            l.registered[at].1 -= 1;
            if l.registered[at].1 == 0 {
                // Dropped outside: it may be the last reference.
                return Some(l.registered.swap_remove(at).0);
            }
            Some(Arc::clone(self))
        });
        if removed.flatten().is_some() && self.check_process().is_ok() {
            self.dispatchers_gone(1);
        }
    }

    fn is_registered(self: &Arc<Self>) -> bool {
        with_local(|l| l.registered.iter().any(|(s, _)| Arc::ptr_eq(s, self))).unwrap_or(false)
    }

    /// Runs events until the set is being destroyed; then ENXIO.
    pub fn dispatch_loop(self: &Arc<Self>) -> i32 {
        if let Err(Errno(e)) = self.may_dispatch() {
            return e;
        }
        let parker = local::parker();
        let mut runs = 0;
        loop {
            if self.is_ending() {
                return libc::ENXIO;
            }
            if let Some(conn) = self.queue().pop() {
                if !self.queue().is_empty() {
                    self.queue().wake_one();
                }
                self.run(conn, usize::MAX);
                runs += 1;
                if runs >= RUNS_PER_LOOK {
                    runs = 0;
                    if let Some(Some(conn)) = self.drive(Some(Duration::ZERO)) {
                        self.queue().push([conn]);
                    }
                }
                continue;
            }
            match self.drive(None) {
                Some(Some(conn)) => {
                    self.run(conn, usize::MAX);
                }
                Some(None) => {}
                None => {
                    if self.queue().enlist(&parker) {
                        // The token may have been freed before we were listed.
                        race_point();
                        if self.reactor().is_driven() && !self.is_ending() {
                            parker.park(None);
                        }
                        self.queue().delist(&parker);
                    }
                }
            }
        }
    }

    /// Runs up to `max` events (0: no bound) without waiting.
    pub fn dispatch(self: &Arc<Self>, max: i32) -> i32 {
        if let Err(Errno(e)) = self.may_dispatch() {
            return e;
        }
        let mut left = match usize::try_from(max) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(n) => n,
        };
        loop {
            if self.is_ending() {
                return libc::ENXIO;
            }
            let Some(conn) = self.queue().pop() else {
                return libc::EAGAIN;
            };
            left -= self.run(conn, left);
            if left == 0 {
                return 0;
            }
        }
    }

    fn may_dispatch(self: &Arc<Self>) -> Result<()> {
        self.check_process()?;
        if !self.is_registered() {
            return Err(Errno(libc::EPERM));
        }
        Ok(())
    }

    /// Turns the loop if the token is free, waiting up to `limit`. None: it was taken.
    /// Some(Some(conn)): the first of the connections found runnable, for the caller to run;
    /// the others have been queued.
    fn drive(self: &Arc<Self>, limit: Option<Duration>) -> Option<Option<Arc<Conn>>> {
        let mut driver = self.reactor().try_drive()?;
        let mut found = Found::default();
        if limit.is_some() {
            driver.turn(limit, &mut found);
        } else if !self.turn_spinning(&mut driver, &mut found) {
            self.turn_blocking(&mut driver, &mut found);
        }
        drop(driver);
        self.token_freed();
        if !found.rest.is_empty() {
            self.queue().push(found.rest);
            self.queue().wake_one();
        }
        Some(found.first)
    }

    fn turn_blocking(&self, driver: &mut Driver<'_, Watched>, found: &mut Found<Arc<Conn>>) {
        // Whoever queues something from here on ends the wait.
        self.attending
            .store(Attending::Dispatcher as u8, Ordering::SeqCst);
        race_point();
        let busy = !self.queue().is_empty() || self.is_ending();
        let start = self.spin.map(|_| Instant::now());
        driver.turn(busy.then_some(Duration::ZERO), found);
        // Seen late, this costs one wake-up for nothing.
        self.attending
            .store(Attending::Nobody as u8, Ordering::Release);
        if let Some(start) = start {
            driver.spin().blocked(start.elapsed(), SHORT_WAIT);
        }
    }

    /// Polls without sleeping for a while, if that has paid lately. True: something came.
    fn turn_spinning(
        &self,
        driver: &mut Driver<'_, Watched>,
        found: &mut Found<Arc<Conn>>,
    ) -> bool {
        let Some(limit) = self.spin else { return false };
        if self.peer_is_here() || !driver.spin().wanted() {
            return false;
        }
        let end = spin::poll(limit, || {
            let some = driver.turn(Some(Duration::ZERO), found) > 0;
            (some || !self.queue().is_empty() || self.is_ending()).then_some(some)
        });
        let spin = driver.spin();
        match end {
            // Several at a time: they come whether we wait awake or not.
            End::Found(true) if !found.rest.is_empty() => spin.miss(),
            End::Found(true) => spin.hit(),
            End::Found(false) => {}
            End::Vain => spin.miss(),
            End::Interrupted => spin.interrupted(),
        }
        matches!(end, End::Found(_))
    }

    /// Runs events of one connection, up to `max`, as long as no other connection waits.
    /// Returns how many were run.
    fn run(self: &Arc<Self>, conn: Arc<Conn>, max: usize) -> usize {
        LOCAL
            .try_with(|local| self.run_on(local, conn, max))
            .unwrap_or(0)
    }

    fn run_on(self: &Arc<Self>, local: &RefCell<Local>, conn: Arc<Conn>, max: usize) -> usize {
        let alone = self.queue().is_empty();
        let more = if alone { max.min(BATCH) - 1 } else { 0 };
        let mut batch = std::mem::take(&mut local.borrow_mut().spare);
        let Some(mut event) = conn.begin_events(more, &mut batch) else {
            return 0;
        };
        let gathers = !batch.is_empty();
        let stale = local.borrow_mut().ticket.replace(Ticket {
            conn: Arc::clone(&conn),
            batch,
            released: false,
            gathers,
        });
        if let Some(stale) = stale {
            // A callback left by longjmp: its event counts as finished.
            stale.close();
        }
        let mut done = 0;
        let ticket = loop {
            upcall::run(&conn, event);
            done += 1;
            let stop = !self.queue().is_empty() || conn.is_interrupted();
            let mut l = local.borrow_mut();
            let next = match &mut l.ticket {
                Some(t) if !t.released && !stop => t.batch.pop_front(),
                _ => None,
            };
            match next {
                Some(e) => event = e,
                None => break l.ticket.take(),
            }
        };
        if let Some(mut ticket) = ticket {
            if !ticket.released && conn.finish_events(&mut ticket.batch) {
                self.queue().push([conn]);
            }
            ticket.batch.clear();
            local.borrow_mut().spare = ticket.batch;
        }
        done
    }
}
