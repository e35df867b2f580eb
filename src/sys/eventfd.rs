//! A descriptor that polls readable while it is set.

use crate::error::{Errno, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub struct EventFd(OwnedFd);

impl EventFd {
    pub fn new() -> Result<EventFd> {
        // SAFETY: no pointers; the result is checked.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(Errno::last());
        }
        // SAFETY: a new descriptor that nobody else owns.
        Ok(EventFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub fn as_raw(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    pub fn set(&self) {
        let one = 1u64;
        // SAFETY: eight readable bytes. A full counter is readable already.
        unsafe { libc::write(self.as_raw(), (&raw const one).cast(), 8) };
    }

    pub fn clear(&self) {
        let mut count = 0u64;
        // SAFETY: eight writable bytes. Non-blocking: an unset descriptor gives EAGAIN.
        unsafe { libc::read(self.as_raw(), (&raw mut count).cast(), 8) };
    }
}
