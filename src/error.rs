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

    /// As the system says it.
    pub fn describe(self) -> String {
        let text = io::Error::from_raw_os_error(self.0).to_string();
        // What std adds is for programmers.
        match text.split_once(" (os error") {
            Some((text, _)) => text.to_string(),
            None => text,
        }
    }
}

/// An error with its reason in a user's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub errno: Errno,
    pub text: String,
}

impl Failure {
    pub fn new(errno: i32, text: impl Into<String>) -> Failure {
        Failure {
            errno: Errno(errno),
            text: text.into(),
        }
    }

    /// With what the error befell in front.
    pub fn of(what: &str, errno: Errno) -> Failure {
        let text = format!("{what}: {}", errno.describe());
        Failure { errno, text }
    }
}

impl From<io::Error> for Errno {
    fn from(e: io::Error) -> Errno {
        let otherwise = match e.kind() {
            io::ErrorKind::OutOfMemory => libc::ENOMEM,
            _ => libc::EIO,
        };
        Errno(e.raw_os_error().unwrap_or(otherwise))
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        Failure {
            errno,
            text: errno.describe(),
        }
    }
}
