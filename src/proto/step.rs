//! Steps in the life of a connection and its messages, for whoever watches.

use super::frame::{Header, HEADER_LEN};

/// As `enum mrpc_trace_kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum What {
    Up = 0,
    Down = 1,
    RequestOut = 2,
    ReplyIn = 3,
    RequestIn = 4,
    Dispatched = 5,
    Answered = 6,
    MessageOut = 7,
    MessageIn = 8,
    Refused = 9,
    Error = 10,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub what: What,
    /// In nanoseconds.
    pub time: u64,
    /// The connection's number; 0 for none.
    pub connection: u64,
    pub sequence: u32,
    pub cmd: i32,
    pub status: i32,
    /// Of the whole frame.
    pub bytes: u64,
    /// In nanoseconds; 0 where it is not known.
    pub took: u64,
    pub text: Option<Box<str>>,
}

impl Step {
    #[inline]
    pub fn new(what: What, time: u64, connection: u64) -> Step {
        Step {
            what,
            time,
            connection,
            sequence: 0,
            cmd: 0,
            status: 0,
            bytes: 0,
            took: 0,
            text: None,
        }
    }

    /// Of a whole frame.
    pub fn of_frame(what: What, time: u64, connection: u64, header: &Header) -> Step {
        Step {
            sequence: header.sequence,
            cmd: header.cmd,
            status: if header.is_request() {
                0
            } else {
                header.status
            },
            bytes: HEADER_LEN as u64 + u64::from(header.len),
            ..Step::new(what, time, connection)
        }
    }

    pub fn error(time: u64, connection: u64, text: &str) -> Step {
        Step {
            text: Some(text.into()),
            ..Step::new(What::Error, time, connection)
        }
    }
}

/// What is noted while frames are taken in.
#[derive(Debug)]
pub struct Notes {
    /// When they came, in nanoseconds.
    pub now: u64,
    /// On which connection.
    pub connection: u64,
    pub steps: Vec<Step>,
}

/// The time that has passed; 0 if it is not known when that was.
pub fn since(then: u64, now: u64) -> u64 {
    if then == 0 {
        0
    } else {
        now.saturating_sub(then)
    }
}
