//! minirpcgen: from an interface file to C stubs for libminirpc.
//!
//! The file goes through the preprocessor three times (`cpp`), each result
//! through `lexer` and `parser`; `check` makes one `model` of the three, from
//! which `emit` makes the six files, which `output` writes all or nothing.

#![forbid(unsafe_code)]

pub mod ast;
pub mod check;
pub mod cli;
mod cpp;
pub mod diag;
pub mod emit;
pub mod lexer;
pub mod model;
mod output;
pub mod parser;
mod plain;
pub mod rpc_h;
mod run;
pub mod schema;

pub use run::{load_quickly, run, Loaded};
