//! The run's clock.

use crate::sync::sim::wait;
use std::sync::OnceLock;
use std::time::Instant;

/// What the beginning of every run is called.
static BEGINNING: OnceLock<Instant> = OnceLock::new();

#[allow(clippy::disallowed_methods, reason = "an arbitrary beginning")]
pub fn now() -> Instant {
    *BEGINNING.get_or_init(Instant::now) + wait::now()
}

pub fn nanos() -> u64 {
    // Never 0.
    1_000_000 + wait::now().as_nanos() as u64
}

pub fn coarse_ms() -> u64 {
    nanos() / 1_000_000
}
