//! The monotonic clock.

use std::time::Instant;

#[inline]
pub fn now() -> Instant {
    Instant::now()
}

/// The same clock as a number, in nanoseconds; never 0.
#[inline]
pub fn nanos() -> u64 {
    let (seconds, nanos) = read(libc::CLOCK_MONOTONIC);
    seconds * 1_000_000_000 + nanos
}

/// As it was at the last tick, some milliseconds ago at most, in milliseconds; never 0. A
/// quarter of the price.
#[inline]
pub fn coarse_ms() -> u64 {
    let (seconds, nanos) = read(libc::CLOCK_MONOTONIC_COARSE);
    seconds * 1_000 + nanos / 1_000_000
}

fn read(clock: libc::clockid_t) -> (u64, u64) {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };
    // SAFETY: a place for the time; the kernel has both clocks.
    unsafe { libc::clock_gettime(clock, &mut time) };
    (time.tv_sec as u64, time.tv_nsec as u64)
}
