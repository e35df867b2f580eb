//! libminirpc-tls: TLS for libminirpc's connections, by rustls.
//!
//! The public interface is C's, include/minirpc/tls.h. It joins libminirpc.so.1 by its public
//! interface alone: include/minirpc/transport.h.
//!
//! ```text
//! ffi        what C sees
//! table      the functions of the transport, as C calls them
//! session    one connection's TLS, without I/O: bytes in, bytes out
//! shared     what a set's sessions share: a snapshot of the settings, checked as a whole
//! settings   struct mrpc_tls: identity, trust, checked one by one
//! pem        certificates and keys of files, and what is wrong with them
//! text       what went wrong, in a user's words
//! abi        the C interface of libminirpc.so.1, as far as it is used
//! ```
//!
//! Nothing of the handshake or of X.509 is done here.

#![deny(unsafe_code, unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![warn(rust_2018_idioms)]

mod abi;
mod ffi;
mod pem;
mod session;
mod settings;
mod shared;
mod table;
mod text;

// A thread that unwound would leave its callers waiting for ever.
#[cfg(all(not(test), not(doc), not(panic = "abort")))]
compile_error!("libminirpc-tls must be built with panic=abort");
