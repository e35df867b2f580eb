//! Where threads sleep: a parker that remembers one wake-up, and a sync caller's slot.

use crate::proto::payload::Payload;
use crate::sync::{race_point, AtomicBool, Futex, Mutex, Ordering};
use std::time::Duration;

const RUNNING: u32 = 0;
const POKED: u32 = 1;
const SLEEPING: u32 = 2;

/// A place for one thread to sleep. A poke that comes first is remembered; pokes that are
/// too many cost nothing but a look.
#[derive(Debug)]
pub struct Parker(Futex);

impl Parker {
    /// For the calling thread.
    pub fn new() -> Parker {
        Parker(Futex::new(RUNNING))
    }

    /// Sleeps until poked, or for `limit`. By the parker's own thread only.
    pub fn park(&self, limit: Option<Duration>) {
        race_point();
        let word = &self.0.word;
        if word
            .compare_exchange(RUNNING, SLEEPING, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
        {
            self.0.wait(SLEEPING, limit);
            while limit.is_none() && word.load(Ordering::SeqCst) == SLEEPING {
                self.0.wait(SLEEPING, None);
            }
        }
        word.store(RUNNING, Ordering::SeqCst);
    }

    /// Wakes the thread if it sleeps; true if that took a system call.
    pub fn poke(&self) -> bool {
        let slept = self.0.word.swap(POKED, Ordering::SeqCst) == SLEEPING;
        if slept {
            self.0.wake();
        }
        slept
    }
}

/// How a sync call ended, as another thread found it.
pub struct Outcome {
    pub status: i32,
    pub payload: Payload,
}

/// A sync caller's slot. Each thread has one, for it has at most one sync call under way.
pub struct Waiter {
    parker: Parker,
    /// `outcome` is there: spares a caller the lock while it is not.
    done: AtomicBool,
    outcome: Mutex<Option<Outcome>>,
}

impl Waiter {
    /// For the calling thread.
    pub fn new() -> Waiter {
        Waiter {
            parker: Parker::new(),
            done: AtomicBool::new(false),
            outcome: Mutex::new(None),
        }
    }

    /// Ends the call. By whoever took it out of the table, after unlocking.
    pub fn complete(&self, outcome: Outcome) {
        *self.outcome.lock() = Some(outcome);
        self.done.store(true, Ordering::SeqCst);
        self.parker.poke();
    }

    /// True if `take` will give an outcome.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }

    pub fn take(&self) -> Option<Outcome> {
        if !self.is_done() {
            return None;
        }
        self.done.store(false, Ordering::SeqCst);
        self.outcome.lock().take()
    }

    /// Sleeps until completed or promoted, or for `limit`; may return early.
    pub fn sleep(&self, limit: Option<Duration>) {
        self.parker.park(limit);
    }

    /// Wakes the caller so that it tries for the right again.
    pub fn promote(&self) {
        self.parker.poke();
    }
}
