//! The monotonic clock.

use std::time::Instant;

#[inline]
pub fn now() -> Instant {
    Instant::now()
}
