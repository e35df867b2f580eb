//! A system in memory, for one run at a time of each test thread: descriptors, stream sockets,
//! the poll, as Linux has them; threads and time are `sync::sim`'s.
//!
//! A descriptor's number is used once, so that whoever uses one that was closed is found.

pub mod cancel;
pub mod clock;
pub mod env;
pub mod eventfd;
pub mod fd;
pub mod file;
pub mod net;
pub mod poll;
pub mod resolve;
pub mod socket;
pub mod socket_file;
pub mod thread;
