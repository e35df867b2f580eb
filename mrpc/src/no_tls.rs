//! A program without TLS.

use std::io;
use std::net::IpAddr;

use crate::address::{Address, Stream};
use crate::cli::Tls;
use crate::failure::Failure;

/// There are none of these.
#[derive(Clone)]
pub struct Settings(());

#[derive(Clone, Debug)]
pub struct Session(());

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Tls {
    pub fn client(&self) -> Result<Option<Settings>, Failure> {
        Ok(None)
    }

    pub fn server(&self) -> Result<Option<Settings>, Failure> {
        Ok(None)
    }
}

impl Settings {
    pub fn open(
        &self,
        _: &mut Stream,
        _: Option<(&Address, Option<IpAddr>)>,
    ) -> io::Result<Session> {
        unsupported()
    }
}

impl Session {
    pub fn read(&self, _: &mut impl io::Read, _: &mut [u8]) -> io::Result<usize> {
        unsupported()
    }

    pub fn write(&self, _: &mut impl io::Write, _: &[u8]) -> io::Result<usize> {
        unsupported()
    }

    pub fn finish(&self, _: &mut impl io::Write) -> io::Result<()> {
        unsupported()
    }
}
