//! All that C sees, and all that calls C.
//!
//! The rule of an export: check the pointers in the order that the interface gives, borrow what
//! they stand for, call one safe method, map its error. Nothing else happens here, and no lock
//! is held while C code runs.
//!
//! The documentation comments of `version`, `set`, `config`, `conn`, `dispatch`, `limits`,
//! `connecting`, `drain` and `view` are the comments of include/minirpc/minirpc.h, which cbindgen makes of
//! them (`make header`). They speak to C programmers, and what they say about pointers is each
//! function's safety contract.

#![allow(unsafe_code, reason = "this is the boundary")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the comments are the C header's; it states the contract once, at its top"
)]

mod call;
#[cfg(all(feature = "chaos", not(loom)))]
mod chaos;
mod config;
mod conn;
mod connecting;
mod dispatch;
mod drain;
mod handle;
mod limits;
mod set;
mod timeouts;
mod transport;
mod version;
mod view;
mod xdr;
