//! What happens on a stream: bytes that are sent, travel and arrive, ends and resets.

use super::{File, Kind, Net, EAGAIN, ERR, HUP, IN, OUT, RDHUP};
use crate::error::{Errno, Result};
use crate::sync::sim::wait::{self, Key};
use crate::sys::net::Owed;
use std::os::fd::RawFd;

impl Net {
    pub fn send(&mut self, fd: RawFd, data: &[u8]) -> Result<usize> {
        let s = self.stream(fd);
        if s.kind == Kind::Tcp {
            if let Some(error) = s.error.take() {
                return Err(Errno(error));
            }
        }
        if s.write_shut || s.reset {
            return Err(Errno(libc::EPIPE));
        }
        let n = data.len().min(self.room(fd));
        let s = self.stream(fd);
        s.no_space |= n < data.len();
        if n == 0 && !data.is_empty() {
            return Err(EAGAIN);
        }
        s.wire.extend(&data[..n]);
        self.dispatch(fd);
        Ok(n)
    }

    pub fn recv(&mut self, fd: RawFd, buf: &mut [u8]) -> Result<usize> {
        let s = self.stream(fd);
        if s.inbox.is_empty() {
            let told = s.kind == Kind::Tcp && s.ended;
            if let Some(error) = s.error.take_if(|_| !told) {
                return Err(Errno(error));
            }
            let no_more = s.ended || s.read_shut || s.reset;
            return if no_more { Ok(0) } else { Err(EAGAIN) };
        }
        let n = buf.len().min(s.inbox.len());
        for (to, from) in buf.iter_mut().zip(s.inbox.drain(..n)) {
            *to = from;
        }
        let peer = s.peer;
        self.dispatch(peer);
        self.tell_of_room(peer);
        Ok(n)
    }

    pub fn shutdown(&mut self, fd: RawFd, read: bool, write: bool) {
        let s = self.stream(fd);
        let (kind, peer) = (s.kind, s.peer);
        let write = write && !s.write_shut;
        s.read_shut |= read;
        s.write_shut |= write;
        s.fin |= write;
        self.edge(fd, IN | OUT | RDHUP | HUP);
        if kind == Kind::Unix && read {
            if let Some(other) = self.end_of(peer).filter(|o| !o.closed) {
                other.write_shut = true;
                self.edge(peer, IN | OUT | RDHUP | HUP);
            }
        }
        if write {
            self.dispatch(fd);
        }
    }

    pub fn close(&mut self, fd: RawFd) {
        match self.file(fd) {
            File::Stream(_) => self.close_stream(fd),
            File::Listener(l) => {
                l.closed = true;
                let waiting = std::mem::take(&mut l.backlog);
                waiting.into_iter().for_each(|fd| self.close_stream(fd));
            }
            _ => {
                self.files.remove(&fd);
            }
        }
        for file in self.files.values_mut() {
            if let File::Poll(epoll) = file {
                epoll.items.retain(|i| i.fd != fd);
            }
        }
    }

    fn close_stream(&mut self, fd: RawFd) {
        let s = self.stream(fd);
        s.closed = true;
        let (kind, peer, unread) = (s.kind, s.peer, !s.inbox.is_empty());
        s.fin = true;
        s.rst |= unread && kind == Kind::Tcp;
        if s.rst {
            s.wire.clear();
        }
        if kind == Kind::Unix {
            if let Some(other) = self.end_of(peer).filter(|o| !o.closed) {
                other.write_shut = true;
                other.error = other.error.or(unread.then_some(libc::ECONNRESET));
                other.wire.clear();
                self.edge(peer, IN | OUT | RDHUP | HUP | ERR);
            }
        }
        self.dispatch(fd);
    }

    /// The peer's machine is gone, without a word.
    pub fn cut_off(&mut self, fd: RawFd) {
        self.stream(fd).cut_off = true;
    }

    // --- what is under way

    pub(super) fn under_way(&self) -> Vec<RawFd> {
        let moves = |file: &File| {
            let File::Stream(s) = file else { return false };
            let to = match self.files.get(&s.peer) {
                Some(File::Stream(to)) => to,
                _ => return false,
            };
            let room = to.closed || to.inbox.len() < self.nature.receive_buffer;
            !s.cut_off && (s.rst || (!s.wire.is_empty() && room) || (s.fin && s.wire.is_empty()))
        };
        let files = self.files.iter().filter(|(_, file)| moves(file));
        files.map(|(fd, _)| *fd).collect()
    }

    /// Sends on what can be.
    fn dispatch(&mut self, fd: RawFd) {
        let kind = self.end_of(fd).map(|s| s.kind);
        if self.nature.cuts && kind == Some(Kind::Tcp) {
            self.wakes.push(Key::Wire);
        } else {
            self.deliver(fd, usize::MAX);
        }
    }

    /// Brings up to `most` bytes to the peer, and what follows them.
    pub(super) fn deliver(&mut self, fd: RawFd, most: usize) {
        let now = wait::now();
        let bound = self.nature.receive_buffer;
        let Some(s) = self.end_of(fd).filter(|s| !s.cut_off) else {
            return;
        };
        let (kind, peer) = (s.kind, s.peer);
        if std::mem::take(&mut s.rst) {
            s.fin = false;
            return self.arrive_reset(peer);
        }
        let to = self.end_of(peer);
        let Some(to) = to.filter(|to| !to.closed) else {
            return self.arrive_nowhere(fd);
        };
        let room = match kind {
            Kind::Tcp => bound.saturating_sub(to.inbox.len()),
            Kind::Unix => usize::MAX,
        };
        let Some(s) = self.end_of(fd) else { return };
        s.heard = now;
        let n = most.min(room).min(s.wire.len());
        let bytes: Vec<u8> = s.wire.drain(..n).collect();
        let ends = s.wire.is_empty() && std::mem::take(&mut s.fin);
        let Some(to) = self.end_of(peer) else { return };
        to.inbox.extend(bytes);
        to.ended |= ends;
        if n > 0 || ends {
            self.edge(peer, IN | if ends { RDHUP | HUP } else { 0 });
        }
        self.tell_of_room(fd);
    }

    /// A closed socket answers bytes with a reset.
    fn arrive_nowhere(&mut self, fd: RawFd) {
        let Some(s) = self.end_of(fd) else { return };
        s.fin = false;
        if s.kind == Kind::Tcp && !s.wire.is_empty() {
            s.wire.clear();
            self.arrive_reset(fd);
        }
    }

    pub fn arrive_reset(&mut self, fd: RawFd) {
        let Some(s) = self.end_of(fd).filter(|s| !s.closed && !s.reset) else {
            return;
        };
        s.error = Some(if s.ended {
            libc::EPIPE
        } else {
            libc::ECONNRESET
        });
        s.reset = true;
        s.wire.clear();
        s.fin = false;
        self.edge(fd, IN | OUT | RDHUP | HUP | ERR);
    }

    fn tell_of_room(&mut self, fd: RawFd) {
        if self.end_of(fd).is_none_or(|s| s.closed) || !self.is_writable(fd) {
            return;
        }
        let s = self.stream(fd);
        if std::mem::take(&mut s.no_space) || s.kind == Kind::Unix {
            self.edge(fd, OUT);
        }
    }

    pub fn unsent(&mut self, fd: RawFd) -> usize {
        let s = self.stream(fd);
        let (kind, peer, sent) = (s.kind, s.peer, s.wire.len());
        match kind {
            Kind::Tcp => sent,
            Kind::Unix => sent + self.end_of(peer).map_or(0, |to| to.inbox.len()),
        }
    }

    pub fn owed(&mut self, fd: RawFd) -> Option<Owed> {
        let now = wait::now();
        let s = self.stream(fd);
        (s.kind == Kind::Tcp).then(|| Owed {
            bytes: s.wire.len(),
            silence: now - s.heard,
            unanswered: s.cut_off && !s.wire.is_empty(),
        })
    }
}
