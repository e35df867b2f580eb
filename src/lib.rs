//! libminirpc: XDR remote procedure calls over any stream socket, for C.
//!
//! The public interface is C's: `include/minirpc/minirpc.h`. This crate is the library behind
//! it, and an rlib for its own tests.
//!
//! # Map
//!
//! ```text
//! ffi/        what C sees (exports), every pointer cast (handle)
//! protocol    the roles; xdr: running an application's XDR procedures
//! abi         the types that C sees
//! set         the connection set: a hub and its listeners; background: the set's own thread
//! dispatch/   application threads that run events: ticket, upcall (every call of a handler)
//! conn/       a connection: send, receive, wait (sync calls); requests: what handlers look at
//! hub         what a set's connections share; config: the settings; registry: which there are
//! observer    what has to be noted of what happens; latency: how long it takes; trace: whom it is
//!             told
//! transport   what stands between messages and sockets: calls of C's tables, without I/O
//! shards      the loops: shard (one, and what belongs to it), roster (which are in use)
//! places      where long payloads have data, so that these are received in place
//! queue       runnable lanes, parked dispatchers
//! reactor/    the loop behind the driver token; spinning
//! resolver    threads that resolve names
//! timers      what is to be called at a time
//! waiter      where threads sleep; bell: how the background is reached
//! local       what each thread keeps for itself
//! proto/      PURE: frames, calls, outbox, phases, events and their lanes
//! error       errno values as Rust's errors
//! sync/       atomics, locks and parking, which checkers replace; rights
//! sys/        sockets, poll, clock, threads, fork; linux, or simulated (sim)
//! models, sim_tests: the tests that replace them
//! ```
//!
//! # Invariants
//!
//! 1. Locks are leaves: one mutex per connection, one for the ready queue, one for each loop's
//!    table, never two at once. The driver token and the reading rights are not locks: they are
//!    only ever tried, and may be held while a lock is taken. **None of them is held while C
//!    code runs**, but for the functions of transports, which neither block nor call us.
//! 2. Mutate under the lock, take the outputs along, act on them after unlocking. Every output
//!    goes to a waiter, to a lane, or is dropped, exactly once.
//! 3. Phases only move forward (`proto::phase`), and the first reason wins.
//! 4. Sources are registered once, edge-triggered; who reads, reads until the socket is empty
//!    or puts the connection on the list of those to be called again.
//! 5. A request left PENDING belongs to its connection; C holds only its key (`conn::requests`).
//! 6. No wake-up is lost: INV-Q1 (`queue`), INV-R1 to R3 (`conn::wait`), INV-T2 and T3
//!    (`background`), INV-F1 to F3 (`proto::outbox`), INV-E3 (`conn::early`).
//! 7. A call ends once, by whoever takes it out of the table: INV-E1 and E2 (`conn::early`).

#![deny(unsafe_code, unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![warn(rust_2018_idioms)]

mod abi;
mod background;
mod bell;
mod config;
mod conn;
mod dispatch;
mod drain;
mod error;
mod ffi;
mod hub;
mod latency;
mod listener;
mod local;
#[cfg(all(test, loom))]
mod models;
mod observer;
mod places;
mod proto;
mod protocol;
mod queue;
mod reactor;
mod registry;
mod resolver;
mod roster;
mod set;
mod shard;
mod shards;
#[cfg(all(test, sim))]
mod sim_tests;
mod sync;
mod sys;
mod timers;
mod trace;
mod transport;
mod waiter;
mod xdr;

/// So often; Miri, which is some hundred times as slow, does it less often.
#[cfg(test)]
const fn times(n: u32) -> u32 {
    if cfg!(miri) {
        n / 300
    } else {
        n
    }
}

// A thread that unwound would leave its callers waiting for ever.
#[cfg(all(not(test), not(doc), not(panic = "abort")))]
compile_error!("libminirpc must be built with panic=abort");
