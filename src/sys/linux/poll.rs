//! The poll behind the loop: epoll, by mio.

pub use mio::unix::SourceFd;
pub use mio::{Events, Interest, Poll, Registry, Token};
