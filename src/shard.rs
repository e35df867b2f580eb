//! One loop of a set, and what is left there for the background that looks after it.
//!
//! Generic over the connection, which stands above.

use crate::error::Result;
use crate::queue::{ReadyQueue, Seat};
use crate::reactor::Reactor;
use crate::sync::{AtomicBool, AtomicU8, Mutex, Ordering};
use crate::sys::{socket, thread};
use std::sync::Arc;

/// Who sees to a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Care {
    /// Dispatchers drive it as they come.
    Usual,
    /// The background has found that none did for a tick.
    Neglected,
    /// A dispatcher waits in it beside its own.
    Adopted,
}

pub struct Shard<C> {
    pub reactor: Reactor<Arc<C>>,
    care: AtomicU8,
    /// A dispatcher waits in the poll.
    seat: Seat,
    /// Connections that gathered bytes.
    dirty: Mutex<Vec<Arc<C>>>,
    has_dirty: AtomicBool,
    /// Connections that sync callers attend to.
    lent: Mutex<Vec<Arc<C>>>,
    /// The peer that was heard last runs on this thread's CPU, and we have no other.
    peer_here: AtomicBool,
}

impl<C> Shard<C> {
    pub fn new() -> Result<Shard<C>> {
        Ok(Shard {
            reactor: Reactor::new()?,
            care: AtomicU8::new(Care::Usual as u8),
            seat: Seat::default(),
            dirty: Mutex::new(Vec::new()),
            has_dirty: AtomicBool::new(false),
            lent: Mutex::new(Vec::new()),
            peer_here: AtomicBool::new(false),
        })
    }

    // --- dispatchers

    /// Runs `wait` as what `end_wait` ends; it is told whether it may wait at all.
    pub fn wait_in_poll(&self, queue: &ReadyQueue<Arc<C>>, wait: impl FnOnce(bool)) {
        self.seat.wait(queue, wait);
    }

    #[inline]
    pub fn is_cared_for(&self, care: Care) -> bool {
        self.care.load(Ordering::SeqCst) == care as u8
    }

    /// See `Shards::set_care`. True: it was cared for as usual before.
    pub fn replace_care(&self, care: Care) -> bool {
        self.care.swap(care as u8, Ordering::SeqCst) == Care::Usual as u8
    }

    pub fn is_waited_in(&self) -> bool {
        self.seat.is_taken()
    }

    /// Ends a dispatcher's wait in the poll; false if there is none.
    pub fn end_wait(&self) -> bool {
        let waits = self.is_waited_in();
        if waits {
            self.reactor.wake();
        }
        waits
    }

    // --- gathered bytes

    pub fn add_dirty(&self, conn: Arc<C>) {
        let mut dirty = self.dirty.lock();
        dirty.push(conn);
        self.has_dirty.store(true, Ordering::SeqCst);
    }

    pub fn has_dirty(&self) -> bool {
        self.has_dirty.load(Ordering::SeqCst)
    }

    /// Takes the connections whose gathered bytes are to be sent.
    pub fn take_dirty(&self) -> Vec<Arc<C>> {
        if !self.has_dirty() {
            return Vec::new();
        }
        let mut dirty = self.dirty.lock();
        self.has_dirty.store(false, Ordering::SeqCst);
        std::mem::take(&mut *dirty)
    }

    // --- lent connections

    pub fn add_lent(&self, conn: Arc<C>) {
        self.lent.lock().push(conn);
    }

    pub fn take_lent(&self) -> Vec<Arc<C>> {
        std::mem::take(&mut *self.lent.lock())
    }

    /// They are still lent.
    pub fn put_lent(&self, mut list: Vec<Arc<C>>) {
        self.lent.lock().append(&mut list);
    }

    /// At the end: what is still listed would keep its connection for ever.
    pub fn clear_lists(&self) {
        self.reactor.close();
        drop(self.take_dirty());
        drop(self.take_lent());
    }

    // --- spinning

    /// True if spinning would keep the CPU from the very peer that is waited for.
    pub fn peer_is_here(&self) -> bool {
        self.peer_here.load(Ordering::Relaxed)
    }

    /// Looks where a connection's peer runs. If nothing tells, it must be elsewhere only if
    /// there is another CPU for us.
    pub fn note_peer(&self, fd: i32) -> bool {
        let here = match socket::incoming_cpu(fd) {
            Some(cpu) => cpu == thread::current_cpu(),
            None => thread::cpus() == 1,
        };
        self.peer_here.store(here, Ordering::Relaxed);
        here
    }
}
