//! An attempt to connect, carried out: sockets and a resolver for what `proto::attempt` says.
//! Nothing here waits; who drives the race does.

use super::ends::Socket;
use crate::error::{Errno, Failure, Result};
use crate::proto::attempt::{interleave, Attempt, Error, Step};
use crate::reactor::Place;
use crate::resolver::{Asker, Question};
use crate::sys::clock;
use crate::sys::fd::Fd;
use crate::sys::net::{Begun, ConnectError};
use crate::sys::resolve::{resolve_at_once, Address};
use crate::sys::socket;
use std::ffi::{CStr, CString};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who drives a race.
pub(super) trait Rider {
    /// Who is told when the names have been resolved.
    fn asker(&self) -> Arc<dyn Asker>;
    /// A socket is under way: the rider wants to know of news.
    fn attend(&self, fd: RawFd) -> Result<Option<Place>>;
    /// It is about to be closed, or to be used.
    fn leave(&self, fd: RawFd, place: Option<Place>);
}

pub(super) struct Race {
    attempt: Attempt,
    /// What is to be resolved.
    family: i32,
    host: Option<CString>,
    service: CString,
    limit: Option<Duration>,
    question: Option<Arc<Question>>,
    addresses: Vec<Address>,
    under_way: Vec<Runner>,
}

struct Runner {
    address: usize,
    fd: Fd,
    place: Option<Place>,
}

pub(super) enum Progress {
    Stands(Socket),
    Failed(Failure),
    /// Nothing to do until then, or until there are news.
    Wait(Option<Instant>),
}

impl Race {
    /// Err: the target is none. Names are resolved later, by others.
    pub fn new(
        family: i32,
        host: Option<&CStr>,
        service: &CStr,
        limit: Option<Duration>,
    ) -> std::result::Result<Race, Failure> {
        // A limit beyond all times is none.
        let deadline = limit.and_then(|limit| clock::now().checked_add(limit));
        let mut race = Race {
            attempt: Attempt::new(deadline),
            family,
            host: host.map(CStr::to_owned),
            service: service.to_owned(),
            limit,
            question: None,
            addresses: Vec::new(),
            under_way: Vec::new(),
        };
        if let Some(addresses) = resolve_at_once(family, host, service) {
            race.take_addresses(addresses?);
        }
        Ok(race)
    }

    fn take_addresses(&mut self, mut found: Vec<Address>) {
        let families: Vec<i32> = found.iter().map(|a| a.family).collect();
        let mut found: Vec<Option<Address>> = found.drain(..).map(Some).collect();
        let order = interleave(&families);
        self.addresses = order.iter().filter_map(|i| found[*i].take()).collect();
        self.attempt.known(self.addresses.len());
    }

    /// Does what can be done now.
    pub fn advance(&mut self, rider: &impl Rider) -> Progress {
        if let Some(answer) = self.question.as_ref().and_then(|q| q.take()) {
            self.question = None;
            match answer {
                Ok(addresses) => self.take_addresses(addresses),
                Err(failure) => return Progress::Failed(failure),
            }
        }
        if let Some(socket) = self.look(rider) {
            return Progress::Stands(socket);
        }
        loop {
            match self.attempt.step(clock::now()) {
                Step::Ask => match self.ask(rider) {
                    Ok(()) => {}
                    Err(e) => return Progress::Failed(Failure::of("resolver", e)),
                },
                Step::Start(address) => {
                    if let Some(socket) = self.start(address, rider) {
                        return Progress::Stands(socket);
                    }
                }
                Step::Wait(until) => return Progress::Wait(until),
                Step::Fail(error) => return Progress::Failed(self.failure(error)),
                Step::TimedOut => return Progress::Failed(self.timeout()),
            }
        }
    }

    fn ask(&mut self, rider: &impl Rider) -> Result<()> {
        let host = self.host.as_deref();
        self.question = Question::ask(self.family, host, &self.service, rider.asker())?;
        match self.question {
            Some(_) => self.attempt.asked(),
            None => self.attempt.no_resolver(clock::now()),
        }
        Ok(())
    }

    /// What has become of the sockets that are under way.
    fn look(&mut self, rider: &impl Rider) -> Option<Socket> {
        let mut at = 0;
        while let Some(runner) = self.under_way.get(at) {
            let Some(result) = socket::connected(runner.fd.as_raw()) else {
                at += 1;
                continue;
            };
            let Runner { address, fd, place } = self.under_way.swap_remove(at);
            rider.leave(fd.as_raw(), place);
            let stands = result.and_then(|()| Socket::connected(fd, &self.addresses[address]));
            match stands {
                Ok(socket) => return Some(socket),
                Err(e) => self.attempt.failed(address, e.0),
            }
        }
        None
    }

    fn start(&mut self, address: usize, rider: &impl Rider) -> Option<Socket> {
        let to = &self.addresses[address];
        let failed = match socket::begin_connect(to) {
            Ok(Begun::Stands(fd)) => match Socket::connected(fd, to) {
                Ok(socket) => return Some(socket),
                Err(e) => e,
            },
            Ok(Begun::UnderWay(fd)) => match rider.attend(fd.as_raw()) {
                Ok(place) => {
                    self.under_way.push(Runner { address, fd, place });
                    return None;
                }
                Err(e) => e,
            },
            Ok(Begun::Full) => {
                self.attempt.full(address, clock::now());
                return None;
            }
            Err(ConnectError::Socket(Errno(e))) => {
                self.attempt.unopened(address, e);
                return None;
            }
            Err(ConnectError::Connect(e)) => e,
        };
        self.attempt.failed(address, failed.0);
        None
    }

    fn failure(&self, error: Option<Error>) -> Failure {
        match error {
            Some(Error { address, errno, .. }) => {
                Failure::of(&self.addresses[address].describe(), Errno(errno))
            }
            None => Failure::new(libc::ENOENT, "there is no address"),
        }
    }

    fn timeout(&self) -> Failure {
        let ms = self.limit.unwrap_or_default().as_millis();
        let host = self.host.as_deref().map(CStr::to_string_lossy);
        let host = host.as_deref().unwrap_or("this machine");
        Failure::new(
            libc::ETIMEDOUT,
            format!("{host}: no connection within {ms} ms"),
        )
    }

    /// The sockets that are under way.
    pub fn sockets(&self) -> Vec<RawFd> {
        self.under_way.iter().map(|r| r.fd.as_raw()).collect()
    }

    /// It has ended, or is given up.
    pub fn end(&mut self, rider: &impl Rider) {
        for runner in self.under_way.drain(..) {
            rider.leave(runner.fd.as_raw(), runner.place);
        }
        if let Some(question) = self.question.take() {
            question.forget();
        }
    }
}
