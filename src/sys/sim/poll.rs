//! As epoll, edge-triggered, in the form of mio's.

use super::fd::Fd;
use super::net::{self, Epoll, File, Item};
use crate::sync::sim::wait::{self, Key};
use std::io;
use std::ops::BitOr;
use std::os::fd::RawFd;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub usize);

#[derive(Clone, Copy)]
pub struct Interest(u32);

impl Interest {
    pub const READABLE: Interest = Interest(net::IN | net::RDHUP);
    pub const WRITABLE: Interest = Interest(net::OUT);
    pub const PRIORITY: Interest = Interest(0);
}

impl BitOr for Interest {
    type Output = Interest;
    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

pub struct SourceFd<'a>(pub &'a RawFd);

pub struct Poll {
    fd: Fd,
    registry: Registry,
}

pub struct Registry(RawFd);

#[derive(Debug)]
pub struct Event {
    token: Token,
    bits: u32,
}

pub struct Events(Vec<Event>);

impl Event {
    pub fn token(&self) -> Token {
        self.token
    }

    pub fn is_readable(&self) -> bool {
        self.bits & net::IN != 0
    }

    pub fn is_writable(&self) -> bool {
        self.bits & net::OUT != 0
    }

    pub fn is_error(&self) -> bool {
        self.bits & net::ERR != 0
    }

    pub fn is_read_closed(&self) -> bool {
        self.bits & net::HUP != 0 || self.bits & (net::IN | net::RDHUP) == net::IN | net::RDHUP
    }

    pub fn is_write_closed(&self) -> bool {
        self.bits & net::HUP != 0 || self.bits & (net::OUT | net::ERR) == net::OUT | net::ERR
    }

    pub fn is_priority(&self) -> bool {
        false
    }
}

impl Events {
    pub fn with_capacity(_: usize) -> Events {
        Events(Vec::new())
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Registry {
    #[allow(clippy::unnecessary_wraps, reason = "mio's")]
    pub fn try_clone(&self) -> io::Result<Registry> {
        Ok(Registry(self.0))
    }

    pub fn register(&self, fd: &mut SourceFd<'_>, at: Token, mask: Interest) -> io::Result<()> {
        self.set(*fd.0, at, mask, false)
    }

    pub fn reregister(&self, fd: &mut SourceFd<'_>, at: Token, mask: Interest) -> io::Result<()> {
        self.set(*fd.0, at, mask, true)
    }

    /// What is ready is reported, also if it was before.
    #[allow(clippy::unnecessary_wraps, reason = "mio's")]
    fn set(&self, fd: RawFd, at: Token, mask: Interest, known: bool) -> io::Result<()> {
        wait::point();
        net::with(|n| {
            let bits = n.bits(fd);
            let item = Item {
                fd,
                token: at.0,
                mask: mask.0,
                ready: false,
            };
            let items = &mut n.epoll(self.0).items;
            let had = items.iter().position(|i| i.fd == fd);
            assert!(
                had.is_some() == known,
                "descriptor {fd} registered: {}",
                !known
            );
            match had {
                Some(place) => items[place] = item,
                None => items.push(item),
            }
            n.edge(fd, bits);
        });
        Ok(())
    }

    #[allow(clippy::unnecessary_wraps, reason = "mio's")]
    pub fn deregister(&self, fd: &mut SourceFd<'_>) -> io::Result<()> {
        wait::point();
        net::with(|n| {
            n.bits(*fd.0);
            n.epoll(self.0).items.retain(|i| i.fd != *fd.0);
        });
        Ok(())
    }
}

impl Poll {
    #[allow(clippy::unnecessary_wraps, reason = "mio's")]
    pub fn new() -> io::Result<Poll> {
        let fd = Fd::own(net::with(|n| n.add(File::Poll(Epoll::default()))));
        let registry = Registry(fd.as_raw());
        Ok(Poll { fd, registry })
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn poll(&mut self, events: &mut Events, limit: Option<Duration>) -> io::Result<()> {
        wait::point();
        events.clear();
        if net::interrupts() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let fd = self.fd.as_raw();
        let deadline = limit.map(wait::deadline);
        let mut late = limit == Some(Duration::ZERO);
        loop {
            net::with(|n| {
                let ready = n.take_ready(fd);
                events
                    .0
                    .extend(ready.into_iter().map(|(token, bits)| Event {
                        token: Token(token),
                        bits,
                    }));
            });
            let got = &events.0;
            wait::trace(|| format!("polls {fd}: {got:?}"));
            if late || !events.is_empty() {
                return Ok(());
            }
            late = wait::sleep(Key::File(fd), deadline);
        }
    }
}

/// As `sys::linux::poll`: two of them at most.
pub fn wait_any<'a>(polls: impl Iterator<Item = &'a Poll>, limit: Option<Duration>) {
    wait::point();
    let fds: Vec<RawFd> = polls.map(|poll| poll.fd.as_raw()).collect();
    assert!(fds.len() == 2, "a simulated machine has two CPUs");
    let deadline = limit.map(wait::deadline);
    let mut late = limit == Some(Duration::ZERO);
    let ready = || {
        net::with(|n| {
            fds.iter()
                .any(|fd| n.epoll(*fd).items.iter().any(|i| i.ready))
        })
    };
    while !late && !ready() {
        wait::trace(|| format!("waits for {fds:?}"));
        late = wait::sleep(Key::Files(fds[0], fds[1]), deadline);
    }
}
