//! What each thread keeps for itself: buffers, its waiter, the event it is handling.
//!
//! Everything works, more slowly, after a thread's locals have been destroyed.

use crate::proto::terms::NEVER;
use crate::sync::thread_local;
use crate::sys::clock;
use crate::sys::moment::Moment;
use crate::waiter::{Parker, Waiter};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// Buffers above this are not kept between calls.
const KEEP: usize = 256 * 1024;

thread_local! {
    static WAITER: Arc<Waiter> = Arc::new(Waiter::new());
    static PARKER: Arc<Parker> = Arc::new(Parker::new());
    static FRAME: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static HANDLED: Cell<Option<Handled>> = const { Cell::new(None) };
    static BATCH: Cell<Moment> = const { Cell::new(Moment::NONE) };
    static WIRE_IN: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static WIRE_OUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static READ: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static WRITES_UNTIL: Cell<u64> = const { Cell::new(NEVER) };
}

/// The thread's time to write is up at this deadline; NEVER: it has time.
#[cold]
pub fn write_until(deadline: u64) {
    let _ = WRITES_UNTIL.try_with(|until| until.set(deadline));
}

/// The thread has other things to do than to write on.
#[cold]
#[inline(never)]
pub fn is_late() -> bool {
    let until = WRITES_UNTIL.try_with(Cell::get).unwrap_or(NEVER);
    until != NEVER && clock::nanos() >= until
}

/// The calling thread's waiter.
pub fn waiter() -> Arc<Waiter> {
    WAITER
        .try_with(Arc::clone)
        .unwrap_or_else(|_| Arc::new(Waiter::new()))
}

/// The calling thread's place to park as a dispatcher.
pub fn parker() -> Arc<Parker> {
    PARKER
        .try_with(Arc::clone)
        .unwrap_or_else(|_| Arc::new(Parker::new()))
}

/// An empty buffer to encode into; give it back with `put_frame`.
pub fn take_frame() -> Vec<u8> {
    FRAME.try_with(Cell::take).unwrap_or_default()
}

pub fn put_frame(mut frame: Vec<u8>) {
    if frame.capacity() <= KEEP {
        frame.clear();
        let _ = FRAME.try_with(|f| f.set(frame));
    }
}

/// An empty buffer for bytes of the wire that are received; give it back with `put_wire_in`.
pub fn take_wire_in() -> Vec<u8> {
    WIRE_IN.try_with(Cell::take).unwrap_or_default()
}

pub fn put_wire_in(wire: Vec<u8>) {
    let _ = WIRE_IN.try_with(|w| w.set(emptied(wire)));
}

/// As `take_wire_in`, for bytes that are sent, which may be in the midst of receiving.
pub fn take_wire_out() -> Vec<u8> {
    WIRE_OUT.try_with(Cell::take).unwrap_or_default()
}

pub fn put_wire_out(wire: Vec<u8>) {
    let _ = WIRE_OUT.try_with(|w| w.set(emptied(wire)));
}

fn emptied(mut wire: Vec<u8>) -> Vec<u8> {
    wire.clear();
    wire
}

/// Runs `with` on the thread's receive buffer.
pub fn with_read_buffer<R>(with: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut with = Some(with);
    let done = READ.try_with(|b| {
        let mut buf = b.try_borrow_mut().ok()?;
        Some(with.take()?(&mut buf))
    });
    match (done, with) {
        (Ok(Some(r)), _) => r,
        // No locals any more, or the buffer is in use further up the stack.
        (_, Some(with)) => with(&mut Vec::new()),
        (_, None) => unreachable!("either `with` ran, or it is still there"),
    }
}

/// The thread begins to run a batch of short handlers, which may pass for one moment, ...
pub fn begin_batch() {
    let _ = BATCH.try_with(|b| b.set(Moment::now()));
}

/// ... or has run it.
pub fn end_batch() {
    let _ = BATCH.try_with(|b| b.set(Moment::NONE));
}

/// In a batch, about now; else exactly. In nanoseconds.
pub fn batch_time() -> u64 {
    let kept = BATCH.try_with(|b| {
        let mut moment = b.get();
        let time = (!moment.is_none()).then(|| moment.time())?;
        b.set(moment);
        Some(time)
    });
    kept.ok().flatten().unwrap_or_else(clock::nanos)
}

/// The event that a thread handles, as far as a sender has to know.
#[derive(Clone, Copy)]
pub struct Handled {
    /// The connection's address.
    pub conn: usize,
    /// What is sent on that connection is gathered until the end of the batch.
    pub gathers: bool,
}

pub fn set_handled(handled: Option<Handled>) {
    let _ = HANDLED.try_with(|h| h.set(handled));
}

/// The event was released: nothing is gathered any more.
pub fn release_handled() {
    set_handled(handled().map(|h| Handled {
        gathers: false,
        ..h
    }));
}

fn handled() -> Option<Handled> {
    HANDLED.try_with(Cell::get).ok().flatten()
}

/// True if the calling thread is inside an event handler.
pub fn is_handling() -> bool {
    handled().is_some()
}

/// True if the calling thread runs a batch of this connection's events, at whose end what they
/// sent is flushed.
pub fn is_in_batch(conn: usize) -> bool {
    handled().is_some_and(|h| h.gathers && h.conn == conn)
}
