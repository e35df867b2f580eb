//! A descriptor that polls readable while it is set.
//!
//! Raw system calls: no cancellation points, and safe in a signal handler.

use super::fd::Fd;
use crate::error::{Errno, Result};
use std::os::fd::RawFd;

pub struct EventFd(Fd);

impl EventFd {
    pub fn new() -> Result<EventFd> {
        // SAFETY: no pointers; the result is checked.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(Errno::last());
        }
        Ok(EventFd(Fd::own(fd)))
    }

    pub fn as_raw(&self) -> RawFd {
        self.0.as_raw()
    }

    pub fn set(&self) {
        self.add(1);
    }

    /// Adds to the count, and so sets it. Nothing of `self` is touched once the count is there:
    /// who reads it may free this.
    pub fn add(&self, count: u64) {
        // SAFETY: eight readable bytes. A full counter is readable already.
        unsafe { libc::syscall(libc::SYS_write, self.as_raw(), &raw const count, 8usize) };
    }

    pub fn clear(&self) {
        self.take();
    }

    /// The count, which is zero then.
    pub fn take(&self) -> u64 {
        let mut count = 0u64;
        // SAFETY: eight writable bytes. Non-blocking: an unset descriptor gives EAGAIN.
        unsafe { libc::syscall(libc::SYS_read, self.as_raw(), &raw mut count, 8usize) };
        count
    }
}
