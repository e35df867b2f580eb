//! Steps, told to whoever traces a set: a function of the application's, lines in a file.
//!
//! Neither may be called while a lock, a right or the driver token is held. Who notes a step
//! under one of them leaves it with the thread (`leave`), which tells of it as soon as it holds
//! none (`tell`). So each step is told by the thread that did it.

#![allow(unsafe_code, reason = "a boundary: the trace function is called here")]

mod file;

use crate::abi::{exposed, mrpc_trace_event, mrpc_trace_fn};
use crate::proto::step::Step;
use crate::sync::thread_local;
use file::Sink;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A function, and the pointer that it is given, as an exposed address.
struct Hook {
    func: mrpc_trace_fn,
    data: usize,
}

/// Whom a set's steps are told.
pub struct Tracer {
    /// NULL for none, or one of `hooks`.
    hook: AtomicPtr<Hook>,
    /// Those that were set: one may still be called.
    hooks: Mutex<Vec<Arc<Hook>>>,
    sink: Option<&'static Sink>,
    /// Lists that threads have to tell of.
    left: AtomicUsize,
}

impl Tracer {
    /// With the process's file, if the environment names one.
    pub fn new() -> Tracer {
        Tracer {
            hook: AtomicPtr::new(ptr::null_mut()),
            hooks: Mutex::new(Vec::new()),
            sink: file::sink(),
            left: AtomicUsize::new(0),
        }
    }

    /// False: this thread has nothing to tell of. (Of others' lists nothing is known.)
    #[inline]
    pub fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }

    pub fn has_sink(&self) -> bool {
        self.sink.is_some()
    }

    pub fn set(&self, hook: Option<(mrpc_trace_fn, usize)>) {
        let mut hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        let at = match hook {
            None => ptr::null_mut(),
            Some((func, data)) => {
                let hook = Arc::new(Hook { func, data });
                let at = Arc::as_ptr(&hook).cast_mut();
                hooks.push(hook);
                at
            }
        };
        self.hook.store(at, Ordering::Release);
    }

    /// With no lock and no right held.
    pub fn tell(&self, steps: &[Step]) {
        // SAFETY: hooks are kept as long as the tracer.
        if let Some(hook) = unsafe { self.hook.load(Ordering::Acquire).as_ref() } {
            for step in steps {
                hook.call(step);
            }
        }
        if let Some(sink) = self.sink {
            sink.write(steps);
        }
    }
}

impl Hook {
    fn call(&self, step: &Step) {
        let text = step.text.as_deref();
        let text = text.and_then(|text| CString::new(text).ok());
        let event = mrpc_trace_event {
            size: size_of::<mrpc_trace_event>(),
            kind: step.what as u32,
            time_ns: step.time,
            connection: step.connection,
            sequence: step.sequence,
            cmd: step.cmd,
            status: step.status,
            bytes: step.bytes,
            took_ns: step.took,
            text: text.as_deref().map_or(ptr::null(), CStr::as_ptr),
        };
        // SAFETY: the application's function, with its own pointer, and an event that is valid
        // while it runs.
        unsafe { (self.func)(exposed(self.data), &event) }
    }
}

/// Steps that the thread has to tell of, and an emptied list for more.
struct Left {
    steps: Vec<(Arc<Tracer>, Vec<Step>)>,
    spare: Vec<Step>,
}

/// Lists above this are not kept.
const KEEP: usize = 1024;

thread_local! {
    static LEFT: RefCell<Left> = const { RefCell::new(Left { steps: Vec::new(), spare: Vec::new() }) };
}

/// A thread that ends, and has no locals any more, tells nobody.
fn with_left<R: Default>(with: impl FnOnce(&mut Left) -> R) -> R {
    LEFT.try_with(|left| with(&mut left.borrow_mut()))
        .unwrap_or_default()
}

/// An empty list, with room, to note steps in.
pub fn spare() -> Vec<Step> {
    with_left(|left| std::mem::take(&mut left.spare))
}

/// Leaves steps to be told of when the thread holds nothing any more.
pub fn leave(tracer: &Arc<Tracer>, mut steps: Vec<Step>) {
    with_left(|left| match left.steps.last_mut() {
        Some((last, list)) if Arc::ptr_eq(last, tracer) => list.append(&mut steps),
        _ => {
            tracer.left.fetch_add(1, Ordering::Relaxed);
            left.steps.push((Arc::clone(tracer), steps));
        }
    });
}

/// Tells of what was left. With no lock and no right held.
#[cold]
pub fn tell() {
    while let Some((tracer, mut steps)) = with_left(|left| left.first()) {
        tracer.left.fetch_sub(1, Ordering::Relaxed);
        tracer.tell(&steps);
        steps.clear();
        if steps.capacity() <= KEEP {
            with_left(|left| left.spare = steps);
        }
    }
}

impl Left {
    fn first(&mut self) -> Option<(Arc<Tracer>, Vec<Step>)> {
        (!self.steps.is_empty()).then(|| self.steps.remove(0))
    }
}
