//! Steps in the life of a connection and its messages, for whoever watches.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    ReplyIn,
    RequestIn,
    MessageIn,
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub what: What,
    pub sequence: u32,
    pub cmd: i32,
    pub status: i32,
    /// Of the whole frame.
    pub bytes: u64,
    /// In nanoseconds; 0 where it is not known.
    pub took: u64,
    pub text: Option<String>,
}

impl Step {
    pub fn new(what: What) -> Step {
        Step {
            what,
            sequence: 0,
            cmd: 0,
            status: 0,
            bytes: 0,
            took: 0,
            text: None,
        }
    }
}

/// What is noted while frames are taken in.
#[derive(Debug)]
pub struct Notes {
    /// When they came, in nanoseconds.
    pub now: u64,
    pub steps: Vec<Step>,
}

impl Notes {
    /// The time since then, if that is known.
    pub fn since(&self, then: u64) -> u64 {
        if then == 0 {
            0
        } else {
            self.now.saturating_sub(then)
        }
    }
}
