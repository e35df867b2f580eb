//! One loop, and what is left for the background that looks after it.
//!
//! Generic over the connection, which stands above.

use crate::bell::Bell;
use crate::error::Result;
use crate::reactor::Reactor;
use crate::sync::{race_point, AtomicBool, Mutex, Ordering};
use crate::sys::{env, socket, thread};
use std::sync::Arc;

pub struct Shard<C> {
    pub reactor: Reactor<Arc<C>>,
    /// How its background is reached.
    pub bell: Bell,
    /// False with MINIRPC_TICK=0.
    pub ticks: bool,
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
            bell: Bell::default(),
            ticks: env::var("MINIRPC_TICK").is_none_or(|v| v != "0"),
            dirty: Mutex::new(Vec::new()),
            has_dirty: AtomicBool::new(false),
            lent: Mutex::new(Vec::new()),
            peer_here: AtomicBool::new(false),
        })
    }

    /// Makes the background look at everything once more.
    pub fn ring_background(&self) {
        self.bell.ring(|| self.reactor.wake());
    }

    /// Whoever frees the token calls this: nobody may be left to drive.
    #[inline]
    pub fn token_freed(&self) {
        self.bell.ring_if_asleep();
    }

    // --- gathered bytes

    /// A connection gathered bytes. `expected`: a reply that is due, or the end of a batch of
    /// events, will send them, unless the peer or a handler takes its time; then a tick does.
    pub fn add_dirty(&self, conn: Arc<C>, expected: bool) {
        {
            let mut dirty = self.dirty.lock();
            dirty.push(conn);
            self.has_dirty.store(true, Ordering::SeqCst);
        }
        race_point();
        if expected && self.ticks {
            self.bell.ring_unless_awake(|| self.reactor.wake());
        } else {
            self.ring_background();
        }
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

    /// Whether a connection may leave the loop's attention: somebody has to tick for it.
    pub fn can_lend(&self) -> bool {
        self.ticks
    }

    /// A connection was lent to its sync callers.
    pub fn lent(&self, conn: Arc<C>) {
        self.lent.lock().push(conn);
        self.ring_background();
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
