//! How a command fails: what to say, and the exit status.

use std::fmt;

/// The exit statuses that the manual page lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Usage = 1,
    Connect = 2,
    Network = 3,
    Status = 4,
    Json = 5,
}

#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            message: message.into(),
        }
    }

    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    pub fn network(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Network, message)
    }
}

/// What does not fit its type, or does not decode, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Empty for the whole value.
    pub path: String,
    pub reason: String,
}

impl Misfit {
    pub fn new(reason: impl Into<String>) -> Misfit {
        Misfit {
            path: String::new(),
            reason: reason.into(),
        }
    }

    /// It was found in a member.
    pub fn within(mut self, member: &str) -> Misfit {
        let separator = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{member}{separator}{}", self.path);
        self
    }

    /// It was found in an element.
    pub fn at(self, index: usize) -> Misfit {
        self.within(&format!("[{index}]"))
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.reason);
        }
        write!(f, "{}: {}", self.path, self.reason)
    }
}
