//! As `sys::linux::fd`.

use super::net;
use crate::sync::sim::wait;
use std::mem::ManuallyDrop;
use std::os::fd::RawFd;

#[derive(Debug)]
pub struct Fd(RawFd);

impl Fd {
    pub fn own(fd: RawFd) -> Fd {
        Fd(fd)
    }

    pub fn as_raw(&self) -> RawFd {
        self.0
    }

    pub fn into_raw(self) -> RawFd {
        ManuallyDrop::new(self).0
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        wait::point();
        net::with(|n| n.close(self.0));
    }
}
