//! Events: what a connection has for the application's dispatchers.

use super::life::Reason;
use super::payload::Payload;

/// One event of a connection; `A` is what an async call keeps for its callback.
pub enum Event<A> {
    /// With the peer's address as the kernel gave it.
    Accept(Vec<u8>),
    /// An attempt to connect has ended, with 0 or an errno.
    Connect(i32),
    /// A request or one-way message.
    Request {
        sequence: u32,
        cmd: i32,
        /// When, in nanoseconds, if somebody watches; else 0.
        came: u64,
        payload: Payload,
    },
    /// A request whose payload was too long, or, `late`, one that came to a draining connection:
    /// to be answered in its turn, so that replies leave in order.
    Refused {
        sequence: u32,
        cmd: i32,
        late: bool,
    },
    /// An async call has ended.
    Reply {
        call: A,
        status: i32,
        payload: Payload,
    },
    /// An async call of ours has ended before its reply.
    Early {
        call: A,
        status: i32,
    },
    IoErr(String),
    /// A send was refused, and there is room again.
    Room,
    Disconnect(Reason),
}

impl<A> Event<A> {
    /// A reply is due for it.
    pub fn is_request(&self) -> bool {
        match self {
            Event::Request { cmd, .. } => *cmd >= 0,
            Event::Refused { .. } => true,
            _ => false,
        }
    }

    /// Of our own making: no bound counts it.
    pub fn is_early(&self) -> bool {
        matches!(self, Event::Early { .. })
    }

    /// The bytes that it keeps waiting in memory, as far as the peer decides.
    pub fn weight(&self) -> usize {
        match self {
            Event::Request { payload, .. } | Event::Reply { payload, .. } => payload.len(),
            // Made of what it sent.
            Event::IoErr(text) => text.len(),
            _ => 0,
        }
    }
}
