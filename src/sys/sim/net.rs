//! Files, and what happens to them: see tcp(7), unix(7), poll(2), epoll(7).
//!
//! What is sent on a TCP connection travels: at once, or with `cuts` in pieces, as `carry`
//! brings them. A Unix socket's bytes are at the peer's when they are sent.

mod stream;

use crate::error::{Errno, Result};
use crate::sync::sim::wait::{self, Key};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::RawFd;
use std::time::Duration;

pub const IN: u32 = libc::EPOLLIN as u32;
pub const OUT: u32 = libc::EPOLLOUT as u32;
pub const ERR: u32 = libc::EPOLLERR as u32;
pub const HUP: u32 = libc::EPOLLHUP as u32;
pub const RDHUP: u32 = libc::EPOLLRDHUP as u32;

const EAGAIN: Errno = Errno(libc::EAGAIN);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Tcp,
    Unix,
}

/// What a run's network is like.
#[derive(Clone, Copy)]
pub struct Nature {
    pub cuts: bool,
    /// Signals interrupt one of so many system calls; 0: none.
    pub interrupts: u64,
    /// Bytes that a sender's and a receiver's buffers take.
    pub send_buffer: usize,
    pub receive_buffer: usize,
}

impl Default for Nature {
    fn default() -> Nature {
        Nature {
            cuts: false,
            interrupts: 0,
            send_buffer: 1 << 20,
            receive_buffer: 1 << 20,
        }
    }
}

pub enum File {
    Stream(Stream),
    Listener(Listener),
    Event(u64),
    Poll(Epoll),
}

pub struct Stream {
    pub kind: Kind,
    peer: RawFd,
    /// Arrived.
    inbox: VecDeque<u8>,
    /// On the way to the peer; `fin`: with the end of the stream behind it.
    wire: VecDeque<u8>,
    fin: bool,
    /// A reset instead.
    rst: bool,
    /// The end of the stream has arrived.
    ended: bool,
    read_shut: bool,
    write_shut: bool,
    error: Option<i32>,
    /// A reset has arrived.
    reset: bool,
    /// Somebody found no room to write.
    no_space: bool,
    /// How long a `recv` with a limit waits.
    pub recv_limit: Option<Duration>,
    /// The peer's machine does not answer.
    cut_off: bool,
    heard: Duration,
    closed: bool,
}

#[derive(Default)]
pub struct Listener {
    port: u16,
    backlog: VecDeque<RawFd>,
    closed: bool,
}

#[derive(Default)]
pub struct Epoll {
    pub items: Vec<Item>,
}

pub struct Item {
    pub fd: RawFd,
    pub token: usize,
    pub mask: u32,
    pub ready: bool,
}

#[derive(Default)]
pub struct Net {
    nature: Nature,
    files: BTreeMap<RawFd, File>,
    made: RawFd,
    wakes: Vec<Key>,
    /// What the next attempts to accept fail with.
    pub refusals: VecDeque<i32>,
}

std::thread_local! {
    static NET: RefCell<Net> = RefCell::default();
}

pub fn begin(nature: Nature) {
    NET.with(|n| {
        *n.borrow_mut() = Net {
            nature,
            ..Net::default()
        }
    });
}

/// Changes files, then wakes those who wait for that.
pub fn with<R>(change: impl FnOnce(&mut Net) -> R) -> R {
    let (result, wakes) = NET.with(|n| {
        let mut n = n.borrow_mut();
        let result = change(&mut n);
        (result, std::mem::take(&mut n.wakes))
    });
    for key in wakes {
        wait::wake(key);
    }
    result
}

/// True if a signal comes.
pub fn interrupts() -> bool {
    let every = NET.with(|n| n.borrow().nature.interrupts);
    every > 0 && wait::random(every) == 0
}

/// With cuts: the thread that brings bytes to where they go, until there is none in `stop`.
pub fn carry(goes_on: impl Fn() -> bool) {
    while goes_on() {
        wait::point();
        let busy = with(|n| {
            let busy = n.under_way();
            if !busy.is_empty() {
                let fd = busy[wait::random(busy.len() as u64) as usize];
                let most = 1 << wait::random(8);
                n.deliver(fd, most);
            }
            !busy.is_empty()
        });
        if !busy {
            wait::sleep(Key::Wire, None);
        }
    }
}

impl Net {
    pub fn add(&mut self, file: File) -> RawFd {
        self.made += 1;
        // Unlike any that the process has.
        let fd = 1_000_000 + self.made;
        self.files.insert(fd, file);
        fd
    }

    /// Descriptors that are open.
    pub fn open(&self) -> Vec<RawFd> {
        let open = self.files.iter().filter(|(_, file)| match file {
            File::Stream(s) => !s.closed,
            File::Listener(l) => !l.closed,
            _ => true,
        });
        open.map(|(fd, _)| *fd).collect()
    }

    pub fn file(&mut self, fd: RawFd) -> &mut File {
        let file = self.files.get_mut(&fd);
        match file {
            Some(File::Stream(s)) if s.closed => panic!("socket {fd} used after it was closed"),
            Some(File::Listener(l)) if l.closed => panic!("listener {fd} used after it was closed"),
            Some(file) => file,
            None => panic!("descriptor {fd} used after it was closed"),
        }
    }

    pub fn stream(&mut self, fd: RawFd) -> &mut Stream {
        match self.file(fd) {
            File::Stream(stream) => stream,
            _ => panic!("descriptor {fd} is no socket"),
        }
    }

    /// Also after it was closed: what it sent is still under way.
    fn end_of(&mut self, fd: RawFd) -> Option<&mut Stream> {
        match self.files.get_mut(&fd) {
            Some(File::Stream(stream)) => Some(stream),
            _ => None,
        }
    }

    pub fn event(&mut self, fd: RawFd) -> &mut u64 {
        match self.file(fd) {
            File::Event(count) => count,
            _ => panic!("descriptor {fd} is no event"),
        }
    }

    pub fn epoll(&mut self, fd: RawFd) -> &mut Epoll {
        match self.file(fd) {
            File::Poll(epoll) => epoll,
            _ => panic!("descriptor {fd} is no poll"),
        }
    }

    fn listener(&mut self, fd: RawFd) -> &mut Listener {
        match self.file(fd) {
            File::Listener(listener) => listener,
            _ => panic!("descriptor {fd} does not listen"),
        }
    }

    pub fn pair(&mut self, kind: Kind) -> (RawFd, RawFd) {
        let stream = |peer| Stream {
            kind,
            peer,
            inbox: VecDeque::new(),
            wire: VecDeque::new(),
            fin: false,
            rst: false,
            ended: false,
            read_shut: false,
            write_shut: false,
            error: None,
            reset: false,
            no_space: false,
            cut_off: false,
            heard: Duration::ZERO,
            recv_limit: None,
            closed: false,
        };
        let a = self.add(File::Stream(stream(0)));
        let b = self.add(File::Stream(stream(a)));
        self.stream(a).peer = b;
        (a, b)
    }

    pub fn listen(&mut self, port: u16) -> Result<RawFd> {
        let port = if port == 0 { 40_000 } else { port };
        if self.listens(port).is_some() {
            return Err(Errno(libc::EADDRINUSE));
        }
        Ok(self.add(File::Listener(Listener {
            port,
            ..Listener::default()
        })))
    }

    fn listens(&self, port: u16) -> Option<RawFd> {
        let mut files = self.files.iter();
        let is = |file: &File| matches!(file, File::Listener(l) if l.port == port && !l.closed);
        files.find(|(_, file)| is(file)).map(|(fd, _)| *fd)
    }

    #[allow(clippy::unnecessary_wraps, reason = "as the real one")]
    pub fn port(&mut self, fd: RawFd) -> Result<u16> {
        Ok(self.listener(fd).port)
    }

    pub fn connect(&mut self, port: u16) -> Result<RawFd> {
        let listener = self.listens(port).ok_or(Errno(libc::ECONNREFUSED))?;
        let (here, there) = self.pair(Kind::Tcp);
        self.listener(listener).backlog.push_back(there);
        self.edge(listener, IN);
        Ok(here)
    }

    pub fn accept(&mut self, listener: RawFd) -> Result<RawFd> {
        if self.listener(listener).backlog.is_empty() {
            return Err(EAGAIN);
        }
        if let Some(errno) = self.refusals.pop_front() {
            return Err(Errno(errno));
        }
        self.listener(listener).backlog.pop_front().ok_or(EAGAIN)
    }

    // --- what is ready

    /// As poll(2) gives them.
    pub fn bits(&mut self, fd: RawFd) -> u32 {
        let room = match self.file(fd) {
            File::Stream(_) => self.is_writable(fd),
            _ => false,
        };
        let when = |is, bits| if is { bits } else { 0 };
        match self.file(fd) {
            File::Event(count) => when(*count > 0, IN),
            File::Listener(l) => when(!l.backlog.is_empty(), IN),
            File::Poll(_) => 0,
            File::Stream(s) => {
                let no_more = s.ended || s.read_shut || s.reset;
                let room = room || s.write_shut || s.reset;
                s.no_space |= !room;
                when(!s.inbox.is_empty() || no_more, IN)
                    | when(no_more, RDHUP)
                    | when(no_more && (s.write_shut || s.reset), HUP)
                    | when(s.error.is_some(), ERR)
                    | when(room, OUT)
            }
        }
    }

    /// What a descriptor is registered for.
    pub fn interest(&self, fd: RawFd) -> u32 {
        let polls = self.files.values().filter_map(|file| match file {
            File::Poll(epoll) => epoll.items.iter().find(|i| i.fd == fd),
            _ => None,
        });
        polls.fold(0, |mask, item| mask | item.mask)
    }

    fn room(&mut self, fd: RawFd) -> usize {
        self.nature.send_buffer.saturating_sub(self.unsent(fd))
    }

    fn is_writable(&mut self, fd: RawFd) -> bool {
        let (free, used) = (self.room(fd), self.unsent(fd));
        match self.stream(fd).kind {
            Kind::Tcp => free > 0 && free * 2 >= used,
            Kind::Unix => used * 4 <= self.nature.send_buffer,
        }
    }

    /// Something has changed: who waits for it is told.
    pub fn edge(&mut self, fd: RawFd, bits: u32) {
        self.wakes.push(Key::File(fd));
        for (poll, file) in &mut self.files {
            let File::Poll(epoll) = file else { continue };
            let Some(at) = epoll.items.iter().position(|i| i.fd == fd) else {
                continue;
            };
            if bits & (epoll.items[at].mask | HUP | ERR) != 0 {
                epoll.items[at].ready = true;
                self.wakes.push(Key::File(*poll));
            }
        }
    }

    /// What epoll_wait gives.
    pub fn take_ready(&mut self, poll: RawFd) -> Vec<(usize, u32)> {
        let items = &mut self.epoll(poll).items;
        let ready: Vec<(RawFd, usize, u32)> = items
            .iter_mut()
            .filter_map(|i| std::mem::take(&mut i.ready).then_some(i))
            .map(|i| (i.fd, i.token, i.mask | HUP | ERR))
            .collect();
        let bits = ready
            .into_iter()
            .map(|(fd, token, mask)| (token, self.bits(fd) & mask));
        bits.filter(|(_, bits)| *bits != 0).collect()
    }
}
