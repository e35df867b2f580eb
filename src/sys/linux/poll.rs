//! The poll behind the loop: epoll, by mio.

pub use mio::unix::SourceFd;
pub use mio::{Events, Interest, Poll, Registry, Token};

use super::socket::poll_all;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Waits until one of these has something to report, for `limit` at most.
pub fn wait_any<'a>(polls: impl Iterator<Item = &'a Poll>, limit: Option<Duration>) {
    let of = |poll: &Poll| libc::pollfd {
        fd: poll.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let mut fds: Vec<libc::pollfd> = polls.map(of).collect();
    poll_all(&mut fds, limit);
}
