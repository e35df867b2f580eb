//! A word that threads can wait on.

use super::Timespec;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

#[derive(Debug)]
pub struct Futex {
    pub word: AtomicU32,
}

impl Futex {
    pub fn new(value: u32) -> Futex {
        Futex {
            word: AtomicU32::new(value),
        }
    }

    /// Sleeps while the word is `expected`, for `limit` at most; may return early.
    pub fn wait(&self, expected: u32, limit: Option<Duration>) {
        let limit = limit.map(Timespec::new);
        let timeout = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the kernel reads the word and, unless it is NULL, the timeout; FUTEX_WAIT's
        // is relative, on the monotonic clock.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.word.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                expected,
                timeout,
            );
        }
    }

    /// Wakes a thread that waits.
    pub fn wake(&self) {
        // SAFETY: the word's address is a key here, nothing is accessed.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.word.as_ptr(),
                libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                1,
            );
        }
    }
}
