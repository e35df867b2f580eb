//! Cancellation of threads (pthread_cancel), which acts inside calls of libc only.
//!
//! A thread that ends while it holds a right takes it along. So the calls that are made with
//! one held are raw system calls, which are no cancellation points, or stand in `held_off`.

use std::ffi::c_int;
use std::ptr;

extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    fn pthread_testcancel();
}

const PTHREAD_CANCEL_DISABLE: c_int = 1;

/// Runs `call`, during which the thread cannot be cancelled.
pub fn held_off<R>(call: impl FnOnce() -> R) -> R {
    let mut old = 0;
    // SAFETY: it writes the state that was in force to `old`.
    unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut old) };
    let result = call();
    // SAFETY: the state that was in force.
    unsafe { pthread_setcancelstate(old, ptr::null_mut()) };
    result
}

/// Ends the thread here if it has been cancelled. With nothing on the stack that counts.
pub fn point() {
    // SAFETY: no arguments; the frames above hold nothing, as at a handler's pthread_exit.
    unsafe { pthread_testcancel() };
}
