//! A descriptor that is closed with its owner, by a raw system call: libc's close is a
//! cancellation point.

use std::mem::ManuallyDrop;
use std::os::fd::RawFd;

#[derive(Debug)]
pub struct Fd(RawFd);

impl Fd {
    /// Takes over a descriptor that the caller owns.
    pub fn own(fd: RawFd) -> Fd {
        Fd(fd)
    }

    pub fn as_raw(&self) -> RawFd {
        self.0
    }

    /// Gives the descriptor up without closing it.
    pub fn into_raw(self) -> RawFd {
        ManuallyDrop::new(self).0
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: a plain call, on a descriptor that nobody else owns.
        unsafe { libc::syscall(libc::SYS_close, self.0) };
    }
}
