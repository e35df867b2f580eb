//! What is said of sockets, whoever makes them: the system or a simulation.

use super::fd::Fd;
use crate::error::Errno;
use std::time::Duration;

/// Keepalive as the set is configured; times in seconds.
#[derive(Clone, Copy)]
pub struct Keepalive {
    pub idle: u32,
    pub count: u32,
    pub interval: u32,
}

impl Keepalive {
    /// How long a peer may say nothing.
    pub fn limit(&self) -> Duration {
        let seconds = u64::from(self.idle) + u64::from(self.count) * u64::from(self.interval);
        Duration::from_secs(seconds)
    }
}

/// Who is at the other end of a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
}

impl Credentials {
    pub fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.pid.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.uid.to_ne_bytes());
        bytes[8..].copy_from_slice(&self.gid.to_ne_bytes());
        bytes
    }

    /// None if they are not that.
    pub fn from_bytes(bytes: &[u8]) -> Option<Credentials> {
        let (pid, rest) = bytes.split_first_chunk()?;
        let (uid, gid) = rest.split_first_chunk()?;
        Some(Credentials {
            pid: i32::from_ne_bytes(*pid),
            uid: u32::from_ne_bytes(*uid),
            gid: u32::from_ne_bytes(gid.try_into().ok()?),
        })
    }
}

/// Which directions `shutdown` ends.
#[derive(Clone, Copy)]
pub enum Direction {
    Read = libc::SHUT_RD as isize,
    Write = libc::SHUT_WR as isize,
    Both = libc::SHUT_RDWR as isize,
}

/// How a connection that nobody waits for begins.
pub enum Begun {
    Stands(Fd),
    UnderWay(Fd),
    /// Somebody listens, and has no room.
    #[cfg_attr(sim, allow(dead_code, reason = "there is always room"))]
    Full,
}

/// Where an attempt to connect failed: an error of `connect` says more than one of `socket`.
pub enum ConnectError {
    #[cfg_attr(sim, allow(dead_code, reason = "there is always one"))]
    Socket(Errno),
    Connect(Errno),
}

/// What a TCP peer owes.
pub struct Owed {
    /// Bytes that were sent, and that it has not acknowledged.
    pub bytes: usize,
    /// Since its last acknowledgement of anything.
    pub silence: Duration,
    /// Something has been sent again, or the closed window probed, without an answer.
    pub unanswered: bool,
}

/// How a `recv` waits where there is nothing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    Not,
    /// As long as it takes.
    Ever,
    /// For as long as the socket's limit says.
    Limited,
}
