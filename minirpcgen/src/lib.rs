//! minirpcgen: from an interface file to C stubs for libminirpc.
//!
//! The file goes through the preprocessor three times (`cpp`), each result
//! through `lexer` and `parser`; `check` makes one `model` of the three, from
//! which `emit` makes the six files, which `output` writes all or nothing. `old` tells what the
//! change from older stubs brings.

#![forbid(unsafe_code)]

pub mod ast;
pub mod check;
pub mod cli;
pub mod cpp;
pub mod diag;
pub mod emit;
pub mod lexer;
pub mod model;
mod old;
mod output;
pub mod parser;
pub mod plain;
pub mod rpc_h;
mod run;
pub mod schema;

pub use old::{check as check_old, Report};
pub use run::{load_quickly, run, Loaded};
