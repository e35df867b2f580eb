//! The two ends of a connection, as the application may ask for them, and why there is none.

use super::transport::Secure;
use super::{Conn, State};
use crate::error::{Errno, Failure, Result};
use crate::proto::life::Phase;
use crate::sys::fd::Fd;
use crate::sys::net::Credentials;
use crate::sys::resolve::Address;
use crate::sys::socket;

/// A connected socket.
pub struct Socket {
    pub fd: Fd,
    pub family: i32,
    peer: Vec<u8>,
    local: Vec<u8>,
    /// What its bytes go through.
    secure: Option<Box<Secure>>,
}

impl Socket {
    pub fn new(fd: Fd, family: i32, peer: Vec<u8>) -> Socket {
        let local = socket::local_address(fd.as_raw()).unwrap_or_default();
        Socket {
            fd,
            family,
            peer,
            local,
            secure: None,
        }
    }

    pub(super) fn with(self, secure: Option<Box<Secure>>) -> Socket {
        Socket { secure, ..self }
    }

    pub(super) fn peer(&self) -> &[u8] {
        &self.peer
    }

    /// For a user to read.
    pub(super) fn describe_peer(&self) -> String {
        Address::of_peer(self.family, &self.peer).describe()
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

/// Asked for once: later, the peer may be gone, and the descriptor closed. In one piece: the lengths
/// of the peer's address and of ours, both of these, and a Unix peer's credentials, if there are.
#[derive(Debug)]
pub(super) struct Ends(Box<[u8]>);

impl Ends {
    pub fn of(socket: Socket) -> (Fd, Ends, Option<Box<Secure>>) {
        let Socket {
            fd,
            family,
            peer,
            local,
            secure,
        } = socket;
        let mut ends = vec![short(peer.len()), short(local.len())];
        ends.extend_from_slice(&peer);
        ends.extend_from_slice(&local);
        if family == libc::AF_UNIX {
            if let Ok(of) = socket::credentials(fd.as_raw()) {
                ends.extend_from_slice(&of.to_bytes());
            }
        }
        (fd, Ends(ends.into()), secure)
    }

    /// The peer's address, ours, and the rest.
    fn parts(&self) -> [&[u8]; 3] {
        let [peer, local, rest @ ..] = &*self.0 else {
            return [&[]; 3];
        };
        let (peer, rest) = rest.split_at(usize::from(*peer));
        let (local, rest) = rest.split_at(usize::from(*local));
        [peer, local, rest]
    }
}

/// Of an address, which is 128 bytes at most.
fn short(len: usize) -> u8 {
    u8::try_from(len).expect("an address is short")
}

impl Conn {
    pub fn peer_address(&self) -> Result<Box<[u8]>> {
        self.end(|[peer, ..]| Ok(peer.into()))
    }

    pub fn local_address(&self) -> Result<Box<[u8]>> {
        self.end(|[_, local, _]| Ok(local.into()))
    }

    /// Of Unix sockets only.
    pub fn peer_credentials(&self) -> Result<Credentials> {
        self.end(|[.., rest]| Credentials::from_bytes(rest).ok_or(Errno(libc::EOPNOTSUPP)))
    }

    fn end<T>(&self, get: impl FnOnce([&[u8]; 3]) -> Result<T>) -> Result<T> {
        self.hub.check_process()?;
        let st = self.lock();
        get(st.ends.as_ref().ok_or(Errno(libc::ENOTCONN))?.parts())
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
            return Err(not_opened(Errno(libc::ESHUTDOWN)));
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

/// Why the set did not take a socket that stands.
pub(super) fn not_opened(e: Errno) -> Failure {
    match e.0 {
        libc::ESHUTDOWN => Failure::new(e.0, "the set has been drained"),
        _ => Failure::of("socket", e),
    }
}
