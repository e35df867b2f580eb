//! How the background thread is reached, wherever it is.
//!
//! Whoever has something for it leaves it where the background looks, then rings. The
//! background answers, then looks; before it waits, it says where, then asks whether it was
//! rung meanwhile. All steps are sequentially consistent: a ring is never lost, only, at times,
//! one too many.

use crate::sync::{race_point, AtomicBool, AtomicU8, Ordering};
use crate::waiter::Parker;
use std::sync::OnceLock;
use std::time::Duration;

/// At work, or asleep until its next tick.
const AWAKE: u8 = 0;
/// Waits in the poll.
const IN_POLL: u8 = 1;
/// Sleeps without a tick: who frees the driver token has to ring.
const ASLEEP: u8 = 2;

#[derive(Default)]
pub struct Bell {
    parker: OnceLock<Parker>,
    place: AtomicU8,
    rung: AtomicBool,
}

impl Bell {
    /// The calling thread is the one to be rung for. Before it answers first.
    pub fn attach(&self) {
        let _ = self.parker.set(Parker::new());
    }

    /// Makes the background look at everything once more; `end_poll` ends a wait in the poll.
    pub fn ring(&self, end_poll: impl FnOnce()) {
        self.rung.store(true, Ordering::SeqCst);
        race_point();
        if self.place.load(Ordering::SeqCst) == IN_POLL {
            end_poll();
        } else if let Some(parker) = self.parker.get() {
            parker.poke();
        }
    }

    /// Rings unless the background is at work or will tick: then it looks by itself.
    pub fn ring_unless_awake(&self, end_poll: impl FnOnce()) {
        if self.place.load(Ordering::SeqCst) != AWAKE {
            self.ring(end_poll);
        }
    }

    /// Rings if it sleeps: after the driver token was freed.
    #[inline]
    pub fn ring_if_asleep(&self) {
        if self.place.load(Ordering::SeqCst) == ASLEEP {
            self.ring(|| {});
        }
    }

    /// The background looks at everything from here on.
    pub fn answer(&self) {
        self.rung.store(false, Ordering::SeqCst);
        race_point();
    }

    /// Runs `wait` as what `end_poll` ends; it is told whether it may wait at all.
    pub fn in_poll(&self, wait: impl FnOnce(bool)) {
        self.place.store(IN_POLL, Ordering::SeqCst);
        race_point();
        wait(!self.rung.load(Ordering::SeqCst));
        self.place.store(AWAKE, Ordering::SeqCst);
    }

    /// Sleeps until the next tick.
    pub fn doze(&self, tick: Duration) {
        if let Some(parker) = self.parker.get() {
            parker.park(Some(tick));
        }
    }

    /// Sleeps until rung, unless by now `may` says no.
    pub fn sleep(&self, may: impl FnOnce() -> bool) {
        self.place.store(ASLEEP, Ordering::SeqCst);
        race_point();
        if may() && !self.rung.load(Ordering::SeqCst) {
            if let Some(parker) = self.parker.get() {
                parker.park(None);
            }
        }
        self.place.store(AWAKE, Ordering::SeqCst);
    }
}
