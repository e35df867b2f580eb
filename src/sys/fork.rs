//! Tells a forked child from the process that made an object.
//!
//! After fork the child's copies of locks may be held by threads that do not exist there, and
//! it shares the parent's epoll: what the parent made is dead, and is known by its generation.

use crate::requests;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Once;

static GENERATION: AtomicU32 = AtomicU32::new(0);
static INSTALL: Once = Once::new();

extern "C" fn before() {
    requests::before_fork();
}

extern "C" fn in_parent() {
    requests::after_fork();
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    requests::after_fork();
}

/// The number of forks between the first use of the library and this process.
#[inline]
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// To be called before the first object is made.
pub fn install() {
    INSTALL.call_once(|| {
        // SAFETY: the handlers touch an atomic and a lock; the library is never unloaded
        // (-z nodelete), so their addresses stay valid.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    });
}
