//! Connecting in the caller's thread: `mrpc_connect`.
//!
//! Without a time limit the addresses are tried one after the other, as they come; with one,
//! they race (`race`), and the caller sleeps where news come.

use super::ends::Socket;
use super::race::{Progress, Race, Rider};
use super::Conn;
use crate::error::{Failure, Result};
use crate::reactor::Place;
use crate::resolver::Asker;
use crate::sys::net::ConnectError;
use crate::sys::resolve::resolve;
use crate::sys::{clock, socket};
use crate::waiter::Parker;
use std::ffi::CStr;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

type Made = std::result::Result<Socket, Failure>;

impl Conn {
    /// Resolves and connects, and blocks meanwhile.
    pub fn connect(
        self: &Arc<Self>,
        family: i32,
        host: Option<&CStr>,
        service: Option<&CStr>,
    ) -> Result<()> {
        self.hub().check_process()?;
        let service = self
            .check_target(service)
            .map_err(|failure| self.note_failure(failure))?;
        let limit = self.hub().config.connect_timeout();
        let transport = self.hub().transport();
        let begun = transport.is_some().then(clock::now);
        let make = || {
            let socket = match limit {
                Some(limit) => race(family, host, service, limit),
                None => in_turn(family, host, service),
            }?;
            match (transport, begun) {
                (Some(transport), Some(begun)) => {
                    self.secure_connected(&transport, socket, host, begun)
                }
                _ => Ok(socket),
            }
        };
        self.open_made(make, drop)?;
        self.hub().registry.count(|sums| sums.connected += 1);
        self.hub().observer.tell();
        Ok(())
    }

    /// What is wrong whatever the addresses are.
    pub(super) fn check_target<'a>(
        &self,
        service: Option<&'a CStr>,
    ) -> std::result::Result<&'a CStr, Failure> {
        let invalid = |why| Failure::new(libc::EINVAL, why);
        if self.hub().role().is_server() {
            return Err(invalid("a server's set does not connect"));
        }
        service.ok_or_else(|| invalid("no service is given"))
    }
}

/// The first address that lets us, each in its turn.
fn in_turn(family: i32, host: Option<&CStr>, service: &CStr) -> Made {
    let mut failure = Failure::new(libc::ENOENT, "there is no address");
    let mut refused = false;
    for address in resolve(family, host, Some(service), false)? {
        let connected = |fd| Socket::connected(fd, &address).map_err(ConnectError::Connect);
        let errno = match socket::connect(&address).and_then(connected) {
            Ok(socket) => return Ok(socket),
            Err(ConnectError::Connect(e)) => {
                refused = true;
                e
            }
            Err(ConnectError::Socket(e)) if !refused => e,
            Err(ConnectError::Socket(_)) => continue,
        };
        failure = Failure::of(&address.describe(), errno);
    }
    Err(failure)
}

fn race(family: i32, host: Option<&CStr>, service: &CStr, limit: Duration) -> Made {
    let caller = Caller(Arc::new(Sleeper(Parker::new())));
    let mut race = Race::new(family, host, service, Some(limit))?;
    let made = loop {
        match race.advance(&caller) {
            Progress::Stands(socket) => break Ok(socket),
            Progress::Failed(failure) => break Err(failure),
            Progress::Wait(until) => {
                let limit = until.map(|at| at.saturating_duration_since(clock::now()));
                match race.sockets() {
                    // An answer is waited for, or a time.
                    none if none.is_empty() => caller.0 .0.park(limit),
                    sockets => socket::wait_connected(&sockets, limit),
                }
            }
        }
    };
    race.end(&caller);
    made
}

/// A thread that waits for its race.
struct Caller(Arc<Sleeper>);

struct Sleeper(Parker);

impl Asker for Sleeper {
    fn answered(self: Arc<Self>) {
        self.0.poke();
    }
}

impl Rider for Caller {
    fn asker(&self) -> Arc<dyn Asker> {
        Arc::clone(&self.0) as _
    }

    fn attend(&self, _: RawFd) -> Result<Option<Place>> {
        Ok(None)
    }

    fn leave(&self, _: RawFd, _: Option<Place>) {}
}
