//! Listening sockets: accept until nothing waits; back off when descriptors run out.
//!
//! A listener may be closed in a signal handler, which interrupts whoever accepts. So there is
//! no lock: the accepting right covers the descriptor, and who closes asks for it. If it is
//! held, its holder closes.

mod preface;

use crate::conn::{Arrival, Conn, ConnHub, First, Socket};
use crate::error::{Errno, Result};
use crate::reactor::{Place, Ready, Source, Turn};
use crate::sync::right::{Held, Right};
use crate::sync::{AtomicBool, AtomicI32, Mutex, Ordering};
use crate::sys::fd::Fd;
use crate::sys::resolve::{resolve, Address};
use crate::sys::socket_file::{self, SocketFile};
use crate::sys::{clock, socket};
use preface::Preface;
use std::ffi::CStr;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Connections accepted in one turn, so that a crowd at the door does not starve the others: no
/// more than the events that a dispatcher runs between two turns, or a queue of them would grow.
const BUDGET: usize = 4;

pub struct Listener {
    hub: Arc<ConnHub>,
    family: i32,
    /// To be removed at the end.
    file: Option<SocketFile>,
    /// -1: closed. Taken out with the accepting right held.
    fd: AtomicI32,
    closing: AtomicBool,
    place: OnceLock<Place>,
    accepting: Right<Accepting>,
    /// Accepted, and not connections yet.
    prefaces: Mutex<Vec<Arc<Preface>>>,
}

#[derive(Default)]
struct Accepting {
    /// Out of descriptors: nothing is accepted before.
    resume: Option<Instant>,
    /// Nothing was accepted since it began to rest.
    resting: bool,
}

/// What accept reports of the connection that it was about to give: see accept(2).
fn is_of_one_connection(errno: i32) -> bool {
    matches!(
        errno,
        libc::ECONNABORTED
            | libc::EPROTO
            | libc::ENETDOWN
            | libc::ENOPROTOOPT
            | libc::EHOSTDOWN
            | libc::ENONET
            | libc::EHOSTUNREACH
            | libc::EOPNOTSUPP
            | libc::ENETUNREACH
    )
}

/// Opens a listener, with the file that belongs to it.
fn open(at: &Address, backlog: u32, beside: bool) -> Result<(Fd, Option<SocketFile>)> {
    match at.path() {
        Some(path) => socket_file::listen(at, path, backlog).map(|(fd, file)| (fd, Some(file))),
        None => socket::listen(at, backlog, beside).map(|fd| (fd, None)),
    }
}

impl Listener {
    /// One listener for each address; at least one, or the last error. With a free port
    /// taken, also its number.
    pub fn open_all(
        hub: &Arc<ConnHub>,
        family: i32,
        address: Option<&CStr>,
        service: Option<&CStr>,
    ) -> Result<(Vec<Arc<Listener>>, Option<u16>)> {
        let mut made = Vec::new();
        let mut port = None;
        let mut error = Errno(libc::ENOENT);
        // Then IPv4 has a listener of its own.
        let both = family == libc::AF_UNSPEC && address.is_none();
        for at in resolve(family, address, service, true).map_err(|f| f.errno)? {
            let opened = open(&at, hub.config.listen_backlog(), both);
            let taken = opened
                .as_ref()
                .map(|(fd, _)| socket::local_port(fd.as_raw()));
            let taken = taken.ok().and_then(Result::ok);
            match opened.and_then(|(fd, file)| Listener::start(hub, fd, at.family, file)) {
                Ok(listener) => {
                    made.push(listener);
                    if service.is_none() {
                        // One port is all that the caller can be told.
                        port = taken;
                        break;
                    }
                }
                Err(e) => error = e,
            }
        }
        if made.is_empty() {
            return Err(error);
        }
        Ok((made, port))
    }

    /// Takes over a socket that listens already; on an error it stays the caller's, as it was.
    pub fn adopt(hub: &Arc<ConnHub>, fd: RawFd) -> Result<Arc<Listener>> {
        if !socket::is_listening(fd)? {
            return Err(Errno::INVAL);
        }
        let family = socket::family(fd)?;
        let listener = Listener::new(hub, family, None);
        let was = socket::set_nonblocking(fd, true);
        match listener.listen_on(fd) {
            Ok(()) => {
                socket::set_close_on_exec(fd);
                Ok(listener)
            }
            Err(e) => {
                socket::set_nonblocking(fd, was);
                Err(e)
            }
        }
    }

    fn start(
        hub: &Arc<ConnHub>,
        fd: Fd,
        family: i32,
        file: Option<SocketFile>,
    ) -> Result<Arc<Listener>> {
        let listener = Listener::new(hub, family, file);
        if let Err(e) = listener.listen_on(fd.as_raw()) {
            if let Some(file) = &listener.file {
                file.remove();
            }
            return Err(e);
        }
        // The listener's from here on.
        fd.into_raw();
        Ok(listener)
    }

    fn new(hub: &Arc<ConnHub>, family: i32, file: Option<SocketFile>) -> Arc<Listener> {
        Arc::new(Listener {
            hub: Arc::clone(hub),
            family,
            file,
            fd: AtomicI32::new(-1),
            closing: AtomicBool::new(false),
            place: OnceLock::new(),
            accepting: Right::new(Accepting::default()),
            prefaces: Mutex::new(Vec::new()),
        })
    }

    /// The descriptor is the listener's if that succeeds.
    fn listen_on(self: &Arc<Self>, fd: RawFd) -> Result<()> {
        self.fd.store(fd, Ordering::SeqCst);
        let source: Arc<dyn Source<Arc<Conn>>> = Arc::clone(self) as _;
        let place = self.hub.shards.home().reactor.register(fd, source)?;
        self.hub.handle_made();
        let _ = self.place.set(place);
        Ok(())
    }

    /// Stops listening; accept events that are queued still fire. Safe in a signal handler:
    /// what has to be freed is left to `retire`.
    pub fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        let mut asked = self.accepting.ask();
        while let Some(held) = asked {
            self.close_held(&held);
            asked = held.release();
        }
    }

    fn close_held(&self, _accepting: &Held<'_, Accepting>) {
        let fd = self.fd.swap(-1, Ordering::SeqCst);
        if fd >= 0 {
            self.hub.shards.home().reactor.detach(fd);
            // Before the socket is closed: from then on others may replace it.
            if let Some(file) = &self.file {
                file.remove();
            }
            drop(Fd::own(fd));
        }
    }

    /// Closed, or about to be.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// True once the descriptor is closed.
    pub fn is_closed(&self) -> bool {
        self.fd() < 0
    }

    /// A closed listener is not on its set's list any more: lets go of the set.
    pub fn retire(&self) {
        if let Some(place) = self.place.get() {
            self.hub.shards.home().reactor.forget(*place);
        }
        let prefaces = self.prefaces.lock().clone();
        for preface in prefaces {
            self.hub.shards.home().reactor.again(preface);
        }
        self.hub.handle_gone();
    }

    /// In a forked child: closes this process's copy. The loop's is the parent's.
    pub fn close_copy(&self) {
        let fd = self.fd.swap(-1, Ordering::SeqCst);
        if fd >= 0 {
            drop(Fd::own(fd));
        }
    }

    fn fd(&self) -> RawFd {
        self.fd.load(Ordering::SeqCst)
    }

    fn accept_all(self: &Arc<Self>, accepting: &mut Accepting, turn: &mut Turn<'_, Arc<Conn>>) {
        if accepting.resume.is_some_and(|t| clock::now() < t) {
            return;
        }
        accepting.resume = None;
        for _ in 0..BUDGET {
            let fd = self.fd();
            if fd < 0 || self.is_closing() {
                return;
            }
            if !self.hub.admits_connections() {
                self.note_rest(accepting);
                return;
            }
            match socket::accept(fd) {
                Ok((fd, from)) => {
                    accepting.resting = false;
                    if self.hub.config.proxy_protocol() {
                        Preface::begin(self, fd, from, turn);
                    } else {
                        self.admit(fd, from, turn);
                    }
                }
                Err(Errno(libc::EAGAIN)) => {
                    accepting.resting = false;
                    return;
                }
                Err(Errno(libc::EINTR)) => {}
                // This one is gone: the next.
                Err(Errno(e)) if is_of_one_connection(e) => {
                    self.hub.registry.count(|sums| sums.refused += 1);
                }
                // Out of descriptors or memory: what waits stays in the backlog, without a
                // new edge. Of anything else, too, more attempts at once are no help.
                Err(e) => {
                    if self.note_rest(accepting) {
                        self.hub
                            .observer
                            .leave_error(&format!("accept: {}", e.describe()));
                    }
                    let resume = clock::now() + self.hub.config.accept_backoff();
                    accepting.resume = Some(resume);
                    return turn.at(resume, Arc::clone(self) as _);
                }
            }
        }
        turn.again(Arc::clone(self) as _);
    }

    /// Nothing is accepted for now: counted once, until something is, or nobody waits. True: that
    /// is new.
    fn note_rest(&self, accepting: &mut Accepting) -> bool {
        let new = !std::mem::replace(&mut accepting.resting, true);
        if new {
            self.hub.registry.count(|sums| sums.accepts_paused += 1);
        }
        new
    }

    fn admit(&self, fd: Fd, from: Vec<u8>, turn: &mut Turn<'_, Arc<Conn>>) {
        let registry = &self.hub.registry;
        let Ok(conn) = Conn::create(&self.hub, ptr::null_mut()) else {
            return registry.count(|sums| sums.refused += 1);
        };
        let socket = Socket::new(fd, self.family, from.clone());
        if let Some(transport) = self.hub.transport() {
            return Arrival::begin(&self.hub, &transport, conn, socket, from, turn);
        }
        match conn.open(socket, First::Accept(from)) {
            Ok(true) => turn.found.push(conn),
            Ok(false) => {}
            // The loop could not take it (no memory): the peer sees it closed.
            Err(_) => {
                registry.count(|sums| sums.refused += 1);
                conn.drop_user();
            }
        }
    }
}

impl Source<Arc<Conn>> for Listener {
    fn on_ready(self: Arc<Self>, _: Ready, turn: &mut Turn<'_, Arc<Conn>>) {
        // A connection that is accepted while the listener is being closed must find the set.
        self.hub.handle_made();
        let mut asked = self.accepting.ask();
        while let Some(mut held) = asked {
            self.accept_all(&mut held, turn);
            if self.is_closing() {
                self.close_held(&held);
            }
            asked = held.release();
        }
        self.hub.handle_gone();
    }

    fn on_settings(self: Arc<Self>) {
        let hub = Arc::clone(&self.hub);
        hub.shards.home().reactor.again(self);
    }
}
