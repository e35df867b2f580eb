//! Errors as the C interface counts them: positive errno values.

use std::io;

/// A positive errno value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

pub type Result<T> = core::result::Result<T, Errno>;

impl Errno {
    pub const INVAL: Errno = Errno(libc::EINVAL);

    /// The calling thread's errno.
    #[cfg_attr(sim, allow(dead_code, reason = "no system call fails there"))]
    pub fn last() -> Errno {
        io::Error::last_os_error().into()
    }
}

impl From<io::Error> for Errno {
    fn from(e: io::Error) -> Errno {
        Errno(e.raw_os_error().unwrap_or(libc::EIO))
    }
}
