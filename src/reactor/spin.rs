//! Whether a thread that waits should poll for a while before it sleeps.
//!
//! A wake-up from another CPU costs tens of microseconds, so waiting that long awake pays when
//! the awaited thing usually comes sooner, and never otherwise. One `Spin` watches one kind of
//! wait; its owner is the only one to use it at a time.

use crate::sys::{clock, thread};
use std::time::Duration;

/// A block that ended this soon after a vain spin: the peer needed the CPU we span on.
const CPU_WANTED: Duration = Duration::from_micros(25);
/// A gap this long between two looks: another thread had the CPU.
const DESCHEDULED: Duration = Duration::from_micros(20);
const MAX_SKIP: u32 = 1023;
/// Looks between two offers of the CPU.
const LOOKS_PER_YIELD: u32 = 4;

/// How a spin ended.
pub enum End<R> {
    Found(R),
    /// The time was up.
    Vain,
    /// Another thread wants the CPU: likely one whose work is waited for.
    Interrupted,
}

/// Looks again and again, for `limit` at most. Other threads that could run here go first.
pub fn poll<R>(limit: Duration, mut look: impl FnMut() -> Option<R>) -> End<R> {
    let start = clock::now();
    let mut last = start;
    let mut looks = 0;
    loop {
        if let Some(found) = look() {
            return End::Found(found);
        }
        if looks % LOOKS_PER_YIELD == 0 {
            thread::yield_now();
        }
        looks += 1;
        let now = clock::now();
        if now - last > DESCHEDULED {
            return look().map_or(End::Interrupted, End::Found);
        }
        if now - start > limit {
            return End::Vain;
        }
        last = now;
    }
}

#[derive(Debug, Default)]
pub struct Spin {
    /// Waits still to be made without spinning, and how many the next miss adds.
    skip: u32,
    back: u32,
    missed: bool,
}

impl Spin {
    /// Whether to spin before the wait that comes now.
    pub fn wanted(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        true
    }

    /// What was awaited came while spinning.
    pub fn hit(&mut self) {
        self.back = 0;
    }

    /// The spin's time was up; a blocking wait follows.
    pub fn miss(&mut self) {
        self.interrupted();
        self.missed = true;
    }

    /// Another thread took the CPU during the spin. Offering it costs little: soon again.
    pub fn interrupted(&mut self) {
        self.back = (self.back * 2 + 1).min(MAX_SKIP);
        self.skip = self.back;
    }

    /// A blocking wait has ended after `took`; `short` is what counts as a short one.
    pub fn blocked(&mut self, took: Duration, short: Duration) {
        let missed = std::mem::take(&mut self.missed);
        if took < CPU_WANTED {
            // No wake-up from another CPU is as fast: it says nothing in favour of spinning.
            if missed {
                self.back = MAX_SKIP;
                self.skip = MAX_SKIP;
            }
        } else if took < short {
            self.skip /= 2;
            self.back /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_micros(65);

    #[test]
    fn vain_spins_get_rare_and_short_waits_bring_them_back() {
        let mut s = Spin::default();
        let mut spins = 0;
        for _ in 0..10_000 {
            if s.wanted() {
                spins += 1;
                s.miss();
            }
            s.blocked(Duration::from_millis(2), SHORT);
        }
        assert!(spins < 25, "{spins} spins for nothing");
        for _ in 0..12 {
            s.wanted();
            s.blocked(Duration::from_micros(40), SHORT);
        }
        assert!(s.wanted());
        s.hit();
        assert!(s.wanted());
    }

    #[test]
    fn a_block_that_ends_at_once_after_a_miss_stops_spinning() {
        let mut s = Spin::default();
        assert!(s.wanted());
        s.miss();
        s.blocked(Duration::from_micros(5), SHORT);
        for _ in 0..MAX_SKIP {
            assert!(!s.wanted());
            s.blocked(Duration::from_micros(5), SHORT);
        }
        assert!(s.wanted());
    }
}
