//! The protocol without I/O, locks, clocks or C types.

#![forbid(unsafe_code)]

pub mod attempt;
pub mod calls;
pub mod connection;
pub mod counters;
pub mod event;
pub mod flow;
pub mod foreign;
pub mod frame;
pub mod lane;
pub mod life;
mod marks;
pub mod outbox;
mod partial;
pub mod payload;
pub mod proxy;
pub mod step;
pub mod terms;

/// `mrpc_status_t` values that the wire knows (docs/wire.md, field `status`).
pub mod status {
    pub const OK: i32 = 0;
    pub const PENDING: i32 = -1;
    pub const ENCODING_ERR: i32 = -2;
    pub const PROCEDURE_UNAVAIL: i32 = -3;
    pub const INVALID_ARGUMENT: i32 = -4;
    pub const INVALID_PROTOCOL: i32 = -5;
    pub const NETWORK_FAILURE: i32 = -6;
    /// Local, as the next two: never sent of the library's own accord.
    pub const TIMEDOUT: i32 = -7;
    pub const CANCELLED: i32 = -8;
    pub const BUSY: i32 = -9;
}
