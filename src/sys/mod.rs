//! The operating system: what std and mio do not offer. Linux is tested; what only Linux
//! has stays in here.

#![allow(unsafe_code)]

pub mod cancel;
pub mod errno;
pub mod eventfd;
pub mod fd;
pub mod fork;
pub mod futex;
pub mod resolve;
pub mod socket;
pub mod thread;
