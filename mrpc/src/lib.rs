//! mrpc: libminirpc's protocol from a shell.

#![forbid(unsafe_code)]

pub mod address;
pub mod capture;
pub mod cli;
pub mod client;
pub mod commands;
pub mod elf;
pub mod failure;
pub mod from_json;
pub mod hex;
pub mod schema;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
pub mod tls;
pub mod to_json;
pub mod wire;

/// Stack for threads that run the codec: recursive types nest, and so does the JSON of
/// long chains.
pub const STACK: usize = 64 << 20;

/// A thread for the codec.
pub fn spawn<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<T>> {
    std::thread::Builder::new().stack_size(STACK).spawn(run)
}
