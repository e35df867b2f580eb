//! What a thread keeps while it dispatches, where it is found again if a handler does not
//! return.
//!
//! A callback may end its thread or leave by longjmp. So while C code runs, nothing that counts
//! is on the stack: connection, set and objects are in the thread's ticket (`call_out`), which
//! is closed by the thread's next event or its end.

use super::upcall;
use crate::conn::AsyncCall;
use crate::conn::{Conn, ConnHub};
use crate::error::{Errno, Result};
use crate::local::{self, Handled};
use crate::proto::event::Event;
use crate::sync::thread_local;
use crate::xdr::Object;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

/// The events that a spare batch has room for, at most.
const SPARE_EVENTS: usize = 1024;

pub type Batch = VecDeque<Event<AsyncCall>>;

/// What an event has allocated for its callback.
#[derive(Default)]
pub struct Owned {
    pub input: Option<Object>,
    pub output: Option<Object>,
    pub text: Box<[u8]>,
    pub due: Due,
}

/// What is to be done with the event even if its callback does not return.
#[derive(Default)]
pub enum Due {
    #[default]
    Nothing,
    /// The request of this key stays with the connection.
    Keep(u64),
    /// A request that no handler gets is answered.
    Answer(Answer),
    /// It was the disconnect: the connection's active life ends.
    EndActive,
    /// It was the callback of an attempt to connect, which ends.
    EndAttempt,
}

/// A reply without a payload.
#[derive(Clone, Copy)]
pub struct Answer {
    pub sequence: u32,
    pub cmd: i32,
    pub status: i32,
}

/// The events that the calling thread is running.
struct Ticket {
    /// The connection's address, and while C code runs, what keeps it alive.
    key: *const Conn,
    conn: Option<Arc<Conn>>,
    owned: Owned,
    batch: Batch,
    released: bool,
}

/// Dropped with the thread: one that ends inside a callback has finished its event, and is no
/// dispatcher any more.
#[derive(Default)]
struct Local {
    ticket: Option<Ticket>,
    spare: Batch,
    registered: Vec<Registration>,
    /// The set that the thread drains, in which it may run handlers.
    draining: Option<Arc<ConnHub>>,
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            local::set_handled(None);
            ticket.close();
        }
        if let Some(hub) = self.draining.take() {
            hub.end_drain();
        }
        for registration in self.registered.drain(..) {
            registration.stop_waiting();
            registration
                .hub
                .dispatchers_gone(registration.times as usize);
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

impl Ticket {
    /// The handler will not return, or was left.
    fn close(mut self) {
        let Some(conn) = self.conn.take() else { return };
        if conn.hub().check_process().is_err() {
            // A child forked by the handler: all of this is the parent's.
            std::mem::forget((conn, self));
            return;
        }
        match self.owned.due {
            Due::Keep(key) => conn.keep_request(key),
            Due::Answer(answer) => upcall::answer(&conn, answer),
            Due::Nothing | Due::EndActive | Due::EndAttempt => {}
        }
        if !self.released {
            conn.finish(&mut self.batch);
        }
        match self.owned.due {
            Due::EndActive => conn.end_active(),
            Due::EndAttempt => conn.end_connect_callback(),
            Due::Nothing | Due::Keep(_) | Due::Answer(_) => {}
        }
    }
}

impl Conn {
    /// Gives back the lane, and brings it to a dispatcher if there is more in it.
    fn finish(self: &Arc<Self>, batch: &mut Batch) {
        if self.finish_events(batch) {
            self.hub().schedule(Arc::clone(self));
        }
    }
}

// --- the events that a thread runs

/// An empty batch to take events out by.
pub fn spare_batch() -> Batch {
    with_local(|l| std::mem::take(&mut l.spare)).unwrap_or_default()
}

/// The thread starts to run events of a connection, of which `batch` are to follow the first.
pub fn begin(conn: &Arc<Conn>, batch: Batch) {
    let gathers = !batch.is_empty() && !conn.is_slow();
    local::set_handled(Some(Handled {
        conn: Arc::as_ptr(conn).addr(),
        gathers,
    }));
    let stale = with_local(|l| {
        l.ticket.replace(Ticket {
            key: Arc::as_ptr(conn),
            conn: None,
            owned: Owned::default(),
            batch,
            released: false,
        })
    });
    if let Some(stale) = stale.flatten() {
        // A callback left by longjmp: its event counts as finished.
        stale.close();
    }
}

/// Calls C. None: nothing of the event may be touched any more. The callback dispatched in its
/// turn, which is not allowed, and the ticket is gone; or it forked, and this is the child.
pub fn call_out<R>(
    conn: Arc<Conn>,
    owned: Owned,
    call: impl FnOnce() -> R,
) -> Option<(R, Arc<Conn>, Owned)> {
    let key = Arc::as_ptr(&conn);
    let mut ours = Some((conn, owned));
    with_local(|l| {
        let ticket = l.ticket.as_mut().filter(|t| t.key == key)?;
        let (conn, owned) = ours.take()?;
        ticket.conn = Some(conn);
        ticket.owned = owned;
        Some(())
    })??;
    let result = call();
    with_local(|l| {
        let ticket = l.ticket.as_mut().filter(|t| t.key == key)?;
        let here = ticket.conn.as_ref()?.hub().check_process().is_ok();
        let conn = ticket.conn.take_if(|_| here)?;
        Some((result, conn, std::mem::take(&mut ticket.owned)))
    })
    .flatten()
}

/// The connection whose handler the thread is in.
pub fn current() -> Option<Arc<Conn>> {
    with_local(|l| l.ticket.as_ref()?.conn.clone()).flatten()
}

/// The next event of the batch, unless the lane was released meanwhile.
pub fn next_event() -> Option<Event<AsyncCall>> {
    with_local(|l| {
        let ticket = l.ticket.as_mut().filter(|t| !t.released)?;
        ticket.batch.pop_front()
    })
    .flatten()
}

/// The thread is through. Some(rest of the batch): the lane has to be given back.
pub fn end() -> Option<Batch> {
    local::set_handled(None);
    with_local(|l| {
        let mut ticket = l.ticket.take()?;
        if ticket.released {
            // Its batch went back to the lane.
            return None;
        }
        Some(std::mem::take(&mut ticket.batch))
    })
    .flatten()
}

/// Keeps an emptied batch for the next events, unless it was a long queue once: a thread would
/// keep for good what the worst peer has made it hold.
pub fn put_batch(mut batch: Batch) {
    batch.clear();
    if batch.capacity() <= SPARE_EVENTS {
        with_local(|l| l.spare = batch);
    }
}

/// Lets the connection's next event run although the handler has not returned.
pub fn release_current() -> Result<()> {
    let released = with_local(|l| match &mut l.ticket {
        Some(t) if t.released => Err(Errno(libc::ENOENT)),
        Some(t) => match &t.conn {
            Some(conn) if conn.hub().check_process().is_ok() => {
                t.released = true;
                local::release_handled();
                Ok((Arc::clone(conn), std::mem::take(&mut t.batch)))
            }
            _ => Err(Errno(libc::EPERM)),
        },
        None => Err(Errno(libc::EPERM)),
    });
    let (conn, mut batch) = released.unwrap_or(Err(Errno(libc::EPERM)))?;
    conn.finish(&mut batch);
    Ok(())
}

// --- draining

/// The thread drains a set, or, None, is through; what it drained before. A handler that it ran
/// may have ended it, or have left by longjmp.
pub fn set_draining(hub: Option<Arc<ConnHub>>) -> Option<Arc<ConnHub>> {
    with_local(|l| std::mem::replace(&mut l.draining, hub)).flatten()
}

/// The set that the thread drains.
pub fn draining() -> Option<Arc<ConnHub>> {
    with_local(|l| l.draining.clone()).flatten()
}

// --- the sets that a thread dispatches for

struct Registration {
    hub: Arc<ConnHub>,
    times: u32,
    /// The thread waits for events in the library: it is counted as one that drives a loop.
    waits: bool,
}

impl Registration {
    fn stop_waiting(&self) {
        if self.waits {
            self.hub.waiting_gone();
        }
    }
}

/// Counts a registration; false if the thread cannot keep any.
pub fn register(set: &Arc<ConnHub>) -> bool {
    with_local(|l| {
        let mut registered = l.registered.iter_mut();
        match registered.find(|r| Arc::ptr_eq(&r.hub, set)) {
            Some(registration) => registration.times += 1,
            None => l.registered.push(Registration {
                hub: Arc::clone(set),
                times: 1,
                waits: false,
            }),
        }
    })
    .is_some()
}

/// The registered thread waits for events in the library from now on, or does not any more. True:
/// that is new, and has to be counted.
#[must_use]
pub fn set_waiting(key: *const ConnHub, waits: bool) -> bool {
    let changed = with_local(|l| {
        let mut registered = l.registered.iter_mut();
        let registration = registered.find(|r| Arc::as_ptr(&r.hub) == key)?;
        Some(std::mem::replace(&mut registration.waits, waits) != waits)
    });
    changed.flatten().unwrap_or(false)
}

/// Takes one registration back; false if there is none.
pub fn unregister(set: &Arc<ConnHub>) -> bool {
    let removed = with_local(|l| {
        let at = l.registered.iter().position(|r| Arc::ptr_eq(&r.hub, set))?;
        l.registered[at].times -= 1;
        // Dropped outside: it may be the last reference.
        Some((l.registered[at].times == 0).then(|| l.registered.swap_remove(at)))
    });
    if let Some(Some(Some(last))) = &removed {
        last.stop_waiting();
    }
    removed.flatten().is_some()
}

/// The set at this address, if the thread is registered for it.
pub fn registered(key: *const ConnHub) -> Option<Arc<ConnHub>> {
    with_local(|l| {
        let mut sets = l.registered.iter().map(|r| &r.hub);
        sets.find(|s| Arc::as_ptr(s) == key).map(Arc::clone)
    })
    .flatten()
}
