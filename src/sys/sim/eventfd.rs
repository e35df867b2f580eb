//! As `sys::linux::eventfd`.

use super::fd::Fd;
use super::net::{self, File};
use crate::error::Result;
use crate::sync::sim::wait;
use std::os::fd::RawFd;

pub struct EventFd(Fd);

impl EventFd {
    pub fn new() -> Result<EventFd> {
        Ok(EventFd(Fd::own(net::with(|n| n.add(File::Event(0))))))
    }

    pub fn as_raw(&self) -> RawFd {
        self.0.as_raw()
    }

    pub fn set(&self) {
        self.add(1);
    }

    pub fn add(&self, count: u64) {
        wait::point();
        let fd = self.as_raw();
        net::with(|n| {
            *n.event(fd) += count;
            n.edge(fd, net::IN);
        });
    }

    pub fn clear(&self) {
        self.take();
    }

    pub fn take(&self) -> u64 {
        wait::point();
        net::with(|n| std::mem::take(n.event(self.as_raw())))
    }
}
