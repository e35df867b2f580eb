//! The calling thread's errno.

/// Runs `call`, after which errno is what it was: a signal handler must leave it alone.
pub fn kept(call: impl FnOnce()) {
    // SAFETY: the place is the calling thread's own variable, before and after.
    unsafe {
        let place = libc::__errno_location();
        let before = *place;
        call();
        *place = before;
    }
}
