//! There are no files: see `Address::path`.

use super::fd::Fd;
use super::resolve::Address;
use crate::error::{Errno, Result};
use std::ffi::CStr;

#[derive(Debug)]
pub struct SocketFile(());

impl SocketFile {
    pub fn remove(&self) {}
}

pub fn listen(_at: &Address, _path: &CStr, _backlog: u32) -> Result<(Fd, SocketFile)> {
    Err(Errno(libc::EAFNOSUPPORT))
}
