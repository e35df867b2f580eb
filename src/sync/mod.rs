//! The primitives that checkers replace: `--cfg loom` builds the same code on loom, `--cfg sim`
//! on shuttle.

#[allow(unsafe_code)]
pub mod right;

#[cfg(loom)]
mod model;
#[cfg(loom)]
pub use model::*;
#[cfg(sim)]
pub mod sim;
#[cfg(sim)]
pub use sim::*;

#[cfg(not(any(loom, sim)))]
pub use crate::sys::futex::Futex;
#[cfg(not(any(loom, sim)))]
pub use parking_lot::{Mutex, MutexGuard};
#[cfg(not(any(loom, sim)))]
pub use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicU8, AtomicUsize, Ordering,
};
#[cfg(not(sim))]
pub use std::thread_local;

/// A point at which a thread may be delayed: with the feature `chaos` and MINIRPC_CHAOS=1 it
/// sleeps there for a random while, so that races show.
#[inline(always)]
pub fn race_point() {
    #[cfg(all(feature = "chaos", not(any(loom, sim))))]
    chaos::pause();
}

/// The background's tick found what a wake-up should have brought.
pub fn note_rescue() {
    #[cfg(sim)]
    sim::wait::note_rescue();
    #[cfg(all(feature = "chaos", not(any(loom, sim))))]
    chaos::RESCUES.fetch_add(1, Ordering::Relaxed);
}

/// With the feature `chaos`: rescues in this process so far.
#[cfg(all(feature = "chaos", not(any(loom, sim))))]
pub fn rescues() -> usize {
    chaos::RESCUES.load(Ordering::Relaxed)
}

#[cfg(all(feature = "chaos", not(any(loom, sim))))]
mod chaos {
    use crate::sys::cancel;
    use std::cell::Cell;
    use std::sync::atomic::AtomicUsize;
    use std::sync::OnceLock;
    use std::time::Duration;

    pub static RESCUES: AtomicUsize = AtomicUsize::new(0);
    static ENABLED: OnceLock<bool> = OnceLock::new();

    thread_local! {
        static STATE: Cell<u64> = const { Cell::new(0) };
    }

    pub fn pause() {
        if !*ENABLED.get_or_init(|| std::env::var_os("MINIRPC_CHAOS").is_some_and(|v| v != "0")) {
            return;
        }
        let _ = STATE.try_with(|s| {
            let mut x = s.get();
            if x == 0 {
                x = s as *const _ as u64 | 1;
            }
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            s.set(x);
            // Mostly no pause at all: the other side must get a chance to be the slow one.
            if x % 4 == 0 {
                let pause = Duration::from_micros(x >> 8 & 255);
                // The library has no cancellation point here.
                cancel::held_off(|| std::thread::sleep(pause));
            }
        });
    }
}
