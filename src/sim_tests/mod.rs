//! Tests of the whole library in a simulated system: `make check-sim`, docs/testing.md.

#![allow(unsafe_code, reason = "the application is C's")]

mod app;
mod connecting;
mod early;
mod every;
mod explore;
mod gathered;
mod listening;
mod loops;
pub mod pair;
pub mod runner;
mod sequences;
mod timers;
mod traffic;
