//! A clock that is read once for many.

use super::clock::{coarse_ms, nanos};

/// A time that serves for what happens at about that time: for so many who ask, and not beyond
/// the next tick of the coarse clock.
#[derive(Clone, Copy)]
pub struct Moment {
    /// 0: none.
    time: u64,
    tick: u64,
    left: u32,
}

/// Some handlers' worth.
const ASKED: u32 = 16;

impl Moment {
    pub const NONE: Moment = Moment {
        time: 0,
        tick: 0,
        left: 0,
    };

    pub fn now() -> Moment {
        Moment {
            time: nanos(),
            tick: coarse_ms(),
            left: ASKED,
        }
    }

    pub fn is_none(&self) -> bool {
        self.time == 0
    }

    /// About now, in nanoseconds.
    #[inline]
    pub fn time(&mut self) -> u64 {
        if self.left == 0 || self.tick != coarse_ms() {
            *self = Moment::now();
        }
        self.left -= 1;
        self.time
    }
}
