//! Tells a forked child from the process that made an object.
//!
//! After fork the child's copies of locks may be held by threads that do not exist there, and
//! it shares the parent's epoll: what the parent made is dead, and is known by its generation.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;

static GENERATION: AtomicU32 = AtomicU32::new(0);
static HOOKS: OnceLock<Hooks> = OnceLock::new();

/// What a fork must not find half done: called in the thread that forks.
pub struct Hooks {
    pub before: fn(),
    pub after: fn(),
}

extern "C" fn before() {
    if let Some(h) = HOOKS.get() {
        (h.before)();
    }
}

extern "C" fn in_parent() {
    if let Some(h) = HOOKS.get() {
        (h.after)();
    }
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    if let Some(h) = HOOKS.get() {
        (h.after)();
    }
}

/// The number of forks between the first use of the library and this process.
#[inline]
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// To be called before the first object is made.
pub fn install(hooks: Hooks) {
    HOOKS.get_or_init(|| {
        // SAFETY: the handlers touch an atomic and a lock; the library is never unloaded
        // (-z nodelete), so their addresses stay valid.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        hooks
    });
}
