//! Who watches a set: what has to be noted of what happens, and where it goes.

use crate::latency::{Counted, Latency};
use crate::sys::clock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;

/// How long things take is recorded.
const TIMES: u32 = 1;

#[derive(Default)]
pub struct Observer {
    /// What is wanted: 0, mostly, and then nothing is noted, nor is a clock read.
    wants: AtomicU32,
    latency: OnceLock<Box<Latency>>,
}

impl Observer {
    /// Whether anything has to be noted.
    #[inline]
    pub fn watches(&self) -> bool {
        self.wants.load(Ordering::Relaxed) != 0
    }

    /// The time, if somebody wants to know it; else 0.
    #[inline]
    pub fn time(&self) -> u64 {
        if self.watches() {
            clock::nanos()
        } else {
            0
        }
    }

    pub fn set_latency_enabled(&self, enabled: bool) {
        if enabled {
            self.latency.get_or_init(Box::default);
            self.wants.fetch_or(TIMES, Ordering::Release);
        } else {
            self.wants.fetch_and(!TIMES, Ordering::Release);
        }
    }

    /// Where times are recorded, if they are.
    pub fn latency(&self) -> Option<&Latency> {
        if self.wants.load(Ordering::Acquire) & TIMES == 0 {
            return None;
        }
        self.latency.get().map(|latency| &**latency)
    }

    /// Of calls, of the wait for a dispatcher, of handlers.
    pub fn read_latency(&self) -> [Counted; 3] {
        match self.latency.get() {
            Some(l) => [&l.call_time, &l.dispatch_wait, &l.handler_time].map(|h| h.read()),
            None => [Counted::default(); 3],
        }
    }
}
