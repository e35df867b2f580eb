//! Who watches a set: what has to be noted of what happens, and where it goes.

use crate::abi::mrpc_trace_fn;
use crate::latency::{Counted, Latency};
use crate::local;
use crate::proto::step::Step;
use crate::sys::clock;
use crate::trace::{self, Tracer};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// How long things take is recorded.
const TIMES: u32 = 1;
/// Steps are told.
const STEPS: u32 = 2;
/// They were, once: a thread may have some left to tell of, of which the tracer knows.
const TOLD: u32 = 4;

pub struct Observer {
    /// What is wanted: 0, mostly, and then nothing is noted, nor is a clock read.
    wants: AtomicU32,
    latency: OnceLock<Box<Latency>>,
    tracer: Arc<Tracer>,
}

impl Observer {
    pub fn new() -> Observer {
        let tracer = Tracer::new();
        let wants = if tracer.has_sink() { STEPS | TOLD } else { 0 };
        Observer {
            wants: AtomicU32::new(wants),
            latency: OnceLock::new(),
            tracer: Arc::new(tracer),
        }
    }

    /// Whether anything has to be noted.
    #[inline]
    pub fn watches(&self) -> bool {
        self.wants(TIMES | STEPS)
    }

    #[inline]
    fn wants(&self, what: u32) -> bool {
        self.wants.load(Ordering::Relaxed) & what != 0
    }

    /// The time, if somebody wants to know it; else 0, and nothing has to be noted. For steps
    /// that of the batch will do: reading the clock costs more than all the rest.
    #[inline]
    pub fn time(&self) -> u64 {
        match self.wants.load(Ordering::Relaxed) & (TIMES | STEPS) {
            0 => 0,
            STEPS => local::batch_time(),
            _ => clock::nanos(),
        }
    }

    // --- how long things take

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
        if !self.wants(TIMES) {
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

    // --- steps

    /// The function and what it is given; None for none.
    pub fn set_trace(&self, hook: Option<(mrpc_trace_fn, usize)>) {
        self.tracer.set(hook);
        if hook.is_some() {
            self.wants.fetch_or(STEPS | TOLD, Ordering::Release);
        } else if !self.tracer.has_sink() {
            self.wants.fetch_and(!STEPS, Ordering::Release);
        }
    }

    pub fn traces(&self) -> bool {
        self.wants(STEPS)
    }

    /// An empty list to note steps in.
    pub fn spare(&self) -> Vec<Step> {
        if self.traces() {
            trace::spare()
        } else {
            Vec::new()
        }
    }

    /// Leaves steps to be told of when the thread holds nothing any more: see `tell`.
    pub fn leave(&self, steps: Vec<Step>) {
        if self.traces() && !steps.is_empty() {
            trace::leave(&self.tracer, steps);
        }
    }

    /// An error of the set as a whole, likewise.
    pub fn leave_error(&self, text: &str) {
        self.leave(vec![Step::error(clock::nanos(), 0, text)]);
    }

    /// Tells of what was left. With no lock and no right held.
    #[inline]
    pub fn tell(&self) {
        if self.wants(TOLD) && self.tracer.has_left() {
            trace::tell();
        }
    }

    /// Tells of a step at once. With no lock and no right held.
    pub fn tell_of(&self, step: Step) {
        self.tracer.tell(&[step]);
    }
}
