//! The two ends of a connection, as the application may ask for them, and why there is none.

use super::{Conn, State};
use crate::error::{Errno, Failure, Result};
use crate::proto::life::Phase;
use crate::sys::fd::Fd;
use crate::sys::net::Credentials;
use crate::sys::resolve::Address;
use crate::sys::socket;

/// A connected socket.
#[derive(Debug)]
pub struct Socket {
    pub fd: Fd,
    pub family: i32,
    peer: Vec<u8>,
    local: Vec<u8>,
}

impl Socket {
    pub fn new(fd: Fd, family: i32, peer: Vec<u8>) -> Socket {
        let local = socket::local_address(fd.as_raw()).unwrap_or_default();
        Socket {
            fd,
            family,
            peer,
            local,
        }
    }

    /// One that was connected to an address: refused if it was to itself, as happens where
    /// nobody listens on a port that the kernel gives to clients.
    pub(super) fn connected(fd: Fd, to: &Address) -> Result<Socket> {
        // A peer that has gone already has no name any more.
        let peer = socket::peer_address(fd.as_raw()).unwrap_or_else(|_| to.bytes());
        let socket = Socket::new(fd, to.family, peer);
        if to.family != libc::AF_UNIX && socket.local == socket.peer {
            return Err(Errno(libc::ECONNREFUSED));
        }
        Ok(socket)
    }
}

/// Asked for once: later, the peer may be gone, and the descriptor closed.
#[derive(Debug)]
pub(super) struct Ends {
    peer: Box<[u8]>,
    local: Box<[u8]>,
    credentials: Option<Credentials>,
}

impl Ends {
    pub fn of(socket: Socket) -> (Fd, Ends) {
        let unix = socket.family == libc::AF_UNIX;
        let credentials = if unix {
            socket::credentials(socket.fd.as_raw()).ok()
        } else {
            None
        };
        let ends = Ends {
            peer: socket.peer.into(),
            local: socket.local.into(),
            credentials,
        };
        (socket.fd, ends)
    }
}

impl Conn {
    pub fn peer_address(&self) -> Result<Box<[u8]>> {
        self.end(|ends| Ok(ends.peer.clone()))
    }

    pub fn local_address(&self) -> Result<Box<[u8]>> {
        self.end(|ends| Ok(ends.local.clone()))
    }

    /// Of Unix sockets only.
    pub fn peer_credentials(&self) -> Result<Credentials> {
        self.end(|ends| ends.credentials.ok_or(Errno(libc::EOPNOTSUPP)))
    }

    fn end<T>(&self, get: impl FnOnce(&Ends) -> Result<T>) -> Result<T> {
        self.hub.check_process()?;
        let st = self.lock();
        get(st.ends.as_deref().ok_or(Errno(libc::ENOTCONN))?)
    }

    /// Why the last attempt to connect failed; empty if it did not.
    pub fn failure(&self) -> Result<String> {
        self.hub.check_process()?;
        let st = self.lock();
        let failure = st.rare.as_deref().and_then(|rare| rare.failure.clone());
        Ok(failure.unwrap_or_default())
    }

    /// Keeps the reason of an attempt that failed.
    pub(super) fn note_failure(&self, failure: Failure) -> Errno {
        self.lock().rare().failure = Some(failure.text);
        failure.errno
    }
}

impl State {
    /// The handle's attempts begin, one at a time; Err: it has one, or had one that succeeded.
    pub(super) fn begin_opening(&mut self, conn: &Conn) -> std::result::Result<(), Failure> {
        if conn.hub().is_draining() {
            return Err(Failure::new(libc::ESHUTDOWN, "the set has been drained"));
        }
        if self.proto.life.begin_opening() {
            return Ok(());
        }
        let why = match self.proto.life.phase() {
            Phase::Opening => "the handle is connecting already",
            _ => "the handle is or was connected",
        };
        Err(Failure::new(libc::EINVAL, why))
    }

    pub(super) fn clear_failure(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.failure = None;
        }
    }
}
