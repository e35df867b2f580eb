//! Dispatchers: application threads that run events.
//!
//! A dispatcher with nothing to run takes the driver token of a loop, turns it, and runs what the
//! turn found; if all tokens are taken, it parks. The token, like every lock, is let go of before
//! any C code runs.

pub mod spell;
pub mod ticket;
pub mod upcall;

use crate::conn::{Conn, ConnHub};
use crate::error::{Errno, Result};
use crate::local;
use crate::reactor::spin::{self, End};
use crate::reactor::{self, Driver, Found};
use crate::shard::{Care, Shard};
use crate::sync::race_point;
use crate::sys::thread::Thread;
use crate::sys::{cancel, clock};
use spell::Spell;
use std::ffi::CStr;
use std::sync::Arc;
use std::time::Duration;

/// Events of one connection that a runner takes out at a time.
const BATCH: usize = 256;
/// The same of one whose handlers take long.
const SLOW_BATCH: usize = 2;
/// Handlers that take longer send what they send at once: others have to wait for the batch.
const SLOW: Duration = Duration::from_micros(20);
/// A blocking wait below this makes a driver's spinning look worth while again.
const SHORT_WAIT: Duration = Duration::from_micros(150);

impl ConnHub {
    pub fn register_dispatcher(self: &Arc<Self>) {
        if self.check_process().is_err() {
            return;
        }
        self.dispatchers_came(1);
        if !ticket::register(self) {
            self.dispatchers_gone(1);
        }
    }

    pub fn unregister_dispatcher(self: &Arc<Self>) {
        if ticket::unregister(self) && self.check_process().is_ok() {
            self.dispatchers_gone(1);
        }
    }

    /// Turns a loop whose token is free, `seat` if it can be that, waiting up to `limit`. None:
    /// all were taken. Some(Some(conn)): the first of the connections found runnable, for the
    /// caller to run; the others have been queued.
    fn drive(
        self: &Arc<Self>,
        seat: &mut usize,
        limit: Option<Duration>,
    ) -> Option<Option<Arc<Conn>>> {
        let (at, mut driver) = self.shards.try_drive(*seat)?;
        *seat = at;
        let shard = self.shards.at(at);
        if !shard.is_cared_for(Care::Usual) {
            self.shards.set_care(shard, Care::Usual);
        }
        let mut found = Found::default();
        if limit.is_some() {
            driver.turn(limit, &mut found);
            drop(driver);
        } else {
            self.wait_in(at, driver, &mut found);
        }
        self.shards.token_freed();
        if !found.rest.is_empty() {
            self.queue.push(found.rest);
        }
        // Also if it was queued before: whoever did so may have woken us for it.
        if found.first.is_some() && !self.queue.is_empty() {
            self.wake_dispatcher();
        }
        self.observer.tell();
        Some(found.first)
    }

    /// Waits until something is found, or may have been queued, also in loops that are neglected.
    fn wait_in<'a>(
        &'a self,
        at: usize,
        mut driver: Driver<'a, Arc<Conn>>,
        found: &mut Found<Arc<Conn>>,
    ) {
        let adopted = self.shards.neglected(at);
        if !adopted.is_empty() {
            self.turn_several(at, driver, adopted, found);
        } else if !self.turn_spinning(at, &mut driver, found) {
            self.turn_blocking(at, &mut driver, found);
        }
    }

    /// Waits in its own loop and in those that it adopts.
    fn turn_several<'a>(
        &'a self,
        at: usize,
        driver: Driver<'a, Arc<Conn>>,
        adopted: Vec<(&'a Shard<Conn>, Driver<'a, Arc<Conn>>)>,
        found: &mut Found<Arc<Conn>>,
    ) {
        let (shards, mut others): (Vec<_>, Vec<_>) = adopted.into_iter().unzip();
        let care_for = |care| {
            let each = shards.iter();
            each.for_each(|shard| self.shards.set_care(shard, care));
        };
        care_for(Care::Adopted);
        race_point();
        others.push(driver);
        self.shards.at(at).wait_in_poll(&self.queue, |may_wait| {
            if may_wait && !self.is_ending() && !self.queue.has_parked() {
                reactor::wait_any(&others);
            }
            if let Some((driver, others)) = others.split_last_mut() {
                driver.turn(Some(Duration::ZERO), found);
                others.iter_mut().for_each(|other| other.help(found));
            }
        });
        // Whoever has parked since wants a loop of its own.
        let asked = self.queue.has_parked();
        let care = if asked { Care::Usual } else { Care::Neglected };
        care_for(care);
        drop(others);
        self.shards.token_freed();
        if asked {
            self.queue.wake_one();
        }
    }

    fn turn_blocking(
        &self,
        at: usize,
        driver: &mut Driver<'_, Arc<Conn>>,
        found: &mut Found<Arc<Conn>>,
    ) {
        let shard = self.shards.at(at);
        let measures = self.spin_limit().is_some() && !shard.peer_is_here();
        let start = measures.then(clock::now);
        shard.wait_in_poll(&self.queue, |may_wait| {
            let wait = may_wait && !self.is_ending();
            driver.turn((!wait).then_some(Duration::ZERO), found);
        });
        if let Some(start) = start {
            driver.spin().blocked(clock::now() - start, SHORT_WAIT);
        }
    }

    /// Polls without sleeping for a while, if that has paid lately. True: something came.
    fn turn_spinning(
        &self,
        at: usize,
        driver: &mut Driver<'_, Arc<Conn>>,
        found: &mut Found<Arc<Conn>>,
    ) -> bool {
        let Some(limit) = self.spin_limit() else {
            return false;
        };
        if self.shards.at(at).peer_is_here() || !driver.spin().wanted() {
            return false;
        }
        let end = spin::poll(limit, || {
            let some = driver.turn(Some(Duration::ZERO), found) > 0;
            (some || !self.queue.is_empty() || self.is_ending()).then_some(some)
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
}

/// What `mrpc_start_dispatch_thread` starts; counted as a dispatcher that waits already.
pub struct DispatchThread;

impl Thread for DispatchThread {
    const NAME: &'static CStr = c"minirpc-disp";
    type Owner = ConnHub;

    fn run(set: Arc<ConnHub>) {
        set.register_dispatcher();
        set.dispatchers_gone(1);
        if !ticket::set_waiting(Arc::as_ptr(&set), true) {
            set.waiting_gone();
        }
        // Its registration ends with the thread, also if a handler ends that.
        dispatch_loop(set);
    }
}

/// The set at this address, if the calling thread may dispatch for it.
fn may_dispatch(hub: &Arc<ConnHub>) -> Result<*const ConnHub> {
    hub.check_process()?;
    let key = Arc::as_ptr(hub);
    ticket::registered(key).map(|_| key).ok_or(NOT_REGISTERED)
}

const NOT_REGISTERED: Errno = Errno(libc::EPERM);

/// Runs events until the set is being destroyed; then ENXIO. The set is not kept on the stack
/// while a handler runs: the thread is registered for it, and finds it again.
pub fn dispatch_loop(mut hub: Arc<ConnHub>) -> i32 {
    let key = match may_dispatch(&hub) {
        Ok(key) => key,
        Err(Errno(e)) => return e,
    };
    // Until the loop returns, or, if a handler leaves it, the registration ends.
    if ticket::set_waiting(key, true) {
        hub.waiting_came();
    }
    let mut seat = 0;
    let mut spell = Spell::default();
    loop {
        match next_runnable(&hub, &mut seat, &mut spell) {
            Next::Run(conn) => {
                drop(hub);
                run(conn, usize::MAX);
            }
            Next::Look => drop(hub),
            Next::Ended => {
                if ticket::set_waiting(key, false) {
                    hub.waiting_gone();
                }
                return libc::ENXIO;
            }
        }
        cancel::point();
        hub = match ticket::registered(key) {
            Some(hub) => hub,
            None => return NOT_REGISTERED.0,
        };
    }
}

/// What a dispatcher does next.
enum Next {
    Run(Arc<Conn>),
    /// It waited, and has to look again.
    Look,
    /// The set is being destroyed.
    Ended,
}

/// Takes a connection with events to run, or waits for one.
fn next_runnable(hub: &Arc<ConnHub>, seat: &mut usize, spell: &mut Spell) -> Next {
    if hub.is_ending() || hub.check_process().is_err() {
        return Next::Ended;
    }
    if hub.is_crowded() {
        spell.give_way();
    }
    if spell.is_over() {
        spell.restart();
        if let Some(Some(conn)) = hub.drive(seat, Some(Duration::ZERO)) {
            hub.queue.push([conn]);
        }
    }
    if let Some(conn) = hub.queue.pop() {
        spell.run();
        if !hub.queue.is_empty() {
            hub.wake_dispatcher();
        }
        return Next::Run(conn);
    }
    match hub.drive(seat, None) {
        Some(None) => {}
        Some(Some(conn)) => return Next::Run(conn),
        None => {
            let parker = local::parker();
            if hub.queue.enlist(&parker) {
                // A token may have been freed before we were listed.
                race_point();
                if hub.shards.are_driven() && !hub.is_ending() {
                    hub.shards.reclaim();
                    parker.park(None);
                }
                hub.queue.delist(&parker);
            }
        }
    }
    Next::Look
}

/// Runs up to `max` events (0: no bound) without waiting.
pub fn dispatch(mut hub: Arc<ConnHub>, max: i32) -> i32 {
    let key = match may_dispatch(&hub) {
        Ok(key) => key,
        Err(Errno(e)) => return e,
    };
    let mut left = match usize::try_from(max) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(n) => n,
    };
    loop {
        if hub.is_unused() || hub.check_process().is_err() {
            return libc::ENXIO;
        }
        let Some(conn) = hub.queue.pop() else {
            return libc::EAGAIN;
        };
        drop(hub);
        left -= run(conn, left);
        if left == 0 {
            return 0;
        }
        hub = match ticket::registered(key) {
            Some(hub) => hub,
            None => return NOT_REGISTERED.0,
        };
    }
}

/// Runs events of one connection, up to `max`, as long as no other connection waits. Returns
/// how many were run.
fn run(mut conn: Arc<Conn>, max: usize) -> usize {
    let alone = conn.hub().queue.is_empty();
    let bound = if conn.is_slow() { SLOW_BATCH } else { BATCH };
    let more = if alone { max.min(bound) - 1 } else { 0 };
    let mut batch = ticket::spare_batch();
    let Some(mut event) = conn.begin_events(more, &mut batch) else {
        ticket::put_batch(batch);
        return 0;
    };
    let start = (!batch.is_empty()).then(clock::now);
    let measured = start.is_some() && !conn.is_slow() && conn.hub().observer.traces();
    if measured {
        local::begin_batch();
    }
    ticket::begin(&conn, batch);
    let mut done = 0;
    loop {
        conn = match upcall::run(conn, &mut event) {
            Some(conn) => conn,
            None => {
                local::end_batch();
                return done + 1;
            }
        };
        done += 1;
        let interrupted = !conn.hub().queue.is_empty() || conn.is_interrupted();
        if interrupted || start.is_some_and(|start| spell::is_long(start, done)) {
            break;
        }
        event = match ticket::next_event() {
            Some(event) => event,
            None => break,
        };
    }
    if measured {
        local::end_batch();
    }
    if let Some(start) = start {
        conn.note_pace((clock::now() - start) / done as u32 > SLOW);
    }
    if let Some(mut batch) = ticket::end() {
        if conn.finish_events(&mut batch) {
            let hub = Arc::clone(conn.hub());
            if max == usize::MAX {
                // The thread goes on, and comes to it.
                hub.queue.push([conn]);
            } else {
                hub.schedule(conn);
            }
        }
        ticket::put_batch(batch);
    }
    done
}
