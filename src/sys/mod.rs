//! The operating system: what std and mio do not offer, and what a simulation has to replace.
//! Linux is tested; what only Linux has stays in here.
//!
//! Sockets, the poll, the clock, threads and how they sleep are reached through this module
//! alone. `--cfg sim` exchanges all of them: see `sim`.

#![allow(unsafe_code)]

mod alloc;
pub mod errno;
pub mod fork;
pub mod moment;
pub mod net;

#[cfg(not(sim))]
mod linux;
#[cfg(not(any(loom, sim)))]
pub use linux::futex;
#[cfg(not(sim))]
pub use linux::{
    cancel, clock, env, eventfd, fd, file, poll, resolve, socket, socket_file, thread,
};

#[cfg(sim)]
pub mod sim;
#[cfg(sim)]
pub use sim::{cancel, clock, env, eventfd, fd, file, poll, resolve, socket, socket_file, thread};
