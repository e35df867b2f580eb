//! The system itself.

#![allow(clippy::disallowed_methods, reason = "all others come here")]

pub mod cancel;
pub mod clock;
pub mod env;
pub mod eventfd;
pub mod fd;
pub mod file;
#[cfg(not(loom))]
pub mod futex;
pub mod poll;
pub mod resolve;
pub mod socket;
pub mod socket_file;
pub mod thread;

use std::ffi::c_long;
use std::time::Duration;

/// A time as the direct system calls take it: of the machine's words, whatever libc's type is.
#[repr(C)]
struct Timespec {
    seconds: c_long,
    nanoseconds: c_long,
}

impl Timespec {
    fn new(time: Duration) -> Timespec {
        Timespec {
            seconds: time.as_secs().try_into().unwrap_or(c_long::MAX),
            // Below 10^9, which every long holds.
            nanoseconds: time.subsec_nanos() as c_long,
        }
    }
}
