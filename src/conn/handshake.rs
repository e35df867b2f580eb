//! The handshake of a transport before a connection stands: who connects waits for it, whoever
//! turns the loop drives it for those that were accepted (`Arrival`) or connect without waiting
//! (`connecting`). Of a bound socket it goes on within the connection: see `receive`.
//!
//! One that fails tells its peer why, if the transport has words for that, and waits a moment for
//! the peer to read them: closing with unread bytes sends a reset, which may overtake them.

use super::transport::Secure;
use super::{Conn, ConnHub, First, Socket};
use crate::error::{Errno, Failure, Result};
use crate::local;
use crate::proto::life::Phase;
use crate::reactor::{Place, Ready, Source, Turn, BUDGET, READ_SIZE};
use crate::sync::right::Right;
use crate::sys::net::{Direction, Wait};
use crate::sys::{cancel, clock, socket};
use crate::transport::{End, Session, Transport};
use std::ffi::{c_void, CStr};
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// How long it may take where the set says nothing.
const LIMIT: Duration = Duration::from_secs(10);
/// How long, and for how many bytes, a peer is waited for that is told of a failure.
const LINGER: Duration = Duration::from_secs(1);
const LEFT_UNREAD: usize = 1 << 20;

/// A socket with a session, until the connection stands.
pub(super) struct Handshake {
    socket: Socket,
    secure: Box<Secure>,
    begun: Instant,
    deadline: Instant,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Input,
    /// The socket is full.
    Room,
    /// There may be more to read; others come first.
    Turn,
}

impl Handshake {
    /// `begun`: when connecting began, of which the time of the handshake is a part.
    pub fn begin(
        hub: &ConnHub,
        transport: &Arc<Transport>,
        socket: Socket,
        host: Option<&CStr>,
        begun: Instant,
    ) -> std::result::Result<Handshake, Failure> {
        let end = End {
            server: hub.role().is_server(),
            bound: false,
            host,
            address: socket.peer(),
        };
        let session = Session::open(transport, &end)?;
        let (from, limit) = match hub.config.connect_timeout() {
            Some(limit) => (begun, limit),
            None => (clock::now(), LIMIT),
        };
        Ok(Handshake {
            socket,
            secure: Box::new(Secure::new(session)),
            begun: from,
            deadline: from + limit,
        })
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    pub fn fd(&self) -> i32 {
        self.socket.fd.as_raw()
    }

    /// Does what can be done now. Break: it has ended.
    pub fn advance(&self) -> ControlFlow<std::result::Result<(), Failure>, Need> {
        let (fd, secure) = (self.fd(), &self.secure);
        let mut wire = local::take_wire_in();
        wire.resize(READ_SIZE, 0);
        let mut reads = 0;
        let end = loop {
            let sent = secure.send(fd, &[], 0);
            if secure.has_failed() {
                break ControlFlow::Break(Err(Failure::new(libc::EPROTO, secure.error())));
            }
            match sent {
                Err(Errno(libc::EAGAIN)) => break ControlFlow::Continue(Need::Room),
                // How the peer ended says more: see below.
                Err(Errno(libc::EPIPE | libc::ECONNRESET)) | Ok(_) => {}
                Err(e) => break ControlFlow::Break(Err(Failure::of("handshake", e))),
            }
            if secure.is_ready() {
                break ControlFlow::Break(Ok(()));
            }
            if reads == BUDGET {
                break ControlFlow::Continue(Need::Turn);
            }
            reads += 1;
            match socket::recv(fd, &mut wire, Wait::Not) {
                Ok(0) => {
                    let why = "the peer ended the connection during the handshake";
                    break ControlFlow::Break(Err(Failure::new(libc::EPROTO, why)));
                }
                Ok(n) => secure.shake(&wire[..n]),
                Err(Errno(libc::EINTR)) => {}
                Err(Errno(libc::EAGAIN)) => break ControlFlow::Continue(Need::Input),
                Err(e) => break ControlFlow::Break(Err(Failure::of("handshake", e))),
            }
        };
        local::put_wire_in(wire);
        match end {
            ControlFlow::Continue(_) if clock::now() >= self.deadline => {
                ControlFlow::Break(Err(self.timeout()))
            }
            end => end,
        }
    }

    fn timeout(&self) -> Failure {
        let ms = (self.deadline - self.begun).as_millis();
        let why = format!("the handshake was not complete within {ms} ms");
        Failure::new(libc::ETIMEDOUT, why)
    }

    /// It has ended: with a socket, if that can be.
    pub fn end(
        self,
        ended: std::result::Result<(), Failure>,
    ) -> std::result::Result<Socket, Failure> {
        match ended {
            Ok(()) => Ok(self.into_socket()),
            Err(failure) => {
                // What the peer is told must not be overtaken by a reset.
                socket::shutdown(self.fd(), Direction::Write);
                let mut sink = [0; 4096];
                let mut unread = LEFT_UNREAD / sink.len();
                while unread > 0
                    && socket::recv(self.fd(), &mut sink, Wait::Not).is_ok_and(|n| n > 0)
                {
                    unread -= 1;
                }
                Err(failure.of_peer(&self.socket))
            }
        }
    }

    /// Waits in the calling thread.
    pub fn run(self) -> std::result::Result<Socket, Failure> {
        loop {
            match self.advance() {
                ControlFlow::Break(ended) => return self.end(ended),
                ControlFlow::Continue(need) => {
                    let left = self.deadline.saturating_duration_since(clock::now());
                    match need {
                        Need::Input => {
                            socket::wait_readable(self.fd(), None, Some(left));
                        }
                        Need::Room => socket::wait_writable(self.fd(), Some(left)),
                        Need::Turn => {}
                    }
                }
            }
        }
    }

    fn into_socket(self) -> Socket {
        self.socket.with(Some(self.secure))
    }
}

impl Failure {
    /// With the peer's address in front.
    pub(super) fn of_peer(self, socket: &Socket) -> Failure {
        match socket.describe_peer() {
            none if none.is_empty() => self,
            peer => Failure {
                text: format!("{peer}: {}", self.text),
                ..self
            },
        }
    }
}

impl Conn {
    /// A session for a bound socket, whose handshake will be the connection's.
    pub(super) fn secure_bound(
        &self,
        transport: &Arc<Transport>,
        peer: &[u8],
    ) -> std::result::Result<Box<Secure>, Failure> {
        let end = End {
            server: self.hub.role().is_server(),
            bound: true,
            host: None,
            address: peer,
        };
        Session::open(transport, &end).map(|session| Box::new(Secure::new(session)))
    }

    /// Of a connected socket, in the calling thread.
    pub(super) fn secure_connected(
        &self,
        transport: &Arc<Transport>,
        socket: Socket,
        host: Option<&CStr>,
        begun: Instant,
    ) -> std::result::Result<Socket, Failure> {
        Handshake::begin(&self.hub, transport, socket, host, begun)?.run()
    }

    /// The handshake of a bound socket goes on.
    #[inline]
    pub(super) fn is_shaking(&self) -> bool {
        self.secure.get().is_some_and(|secure| !secure.is_ready())
    }

    /// How long that may take.
    pub(super) fn handshake_limit(&self) -> Duration {
        self.hub.config.connect_timeout().unwrap_or(LIMIT)
    }

    /// What the connection's session is to C.
    pub fn session(&self, table: usize) -> Result<*mut c_void> {
        self.hub.check_process()?;
        if self.mirrored() & super::PHASE < Phase::Open as u8 {
            return Err(Errno(libc::ENOTCONN));
        }
        let secure = self.secure.get().ok_or(Errno(libc::ENOENT))?;
        secure.session(table).ok_or(Errno(libc::ENOENT))
    }
}

/// A connection that was accepted, and whose handshake has not ended. It counts as one of the
/// set's.
pub struct Arrival {
    hub: Arc<ConnHub>,
    /// Until it is there, nothing happens.
    place: OnceLock<Place>,
    stage: Right<Option<Stage>>,
}

enum Stage {
    Shaking {
        conn: Arc<Conn>,
        handshake: Handshake,
        from: Vec<u8>,
    },
    /// It has failed, and the peer is being told.
    Leaving {
        conn: Arc<Conn>,
        socket: Socket,
        until: Instant,
        unread: usize,
    },
}

impl Arrival {
    /// Of an accepted socket.
    pub fn begin(
        hub: &Arc<ConnHub>,
        transport: &Arc<Transport>,
        conn: Arc<Conn>,
        socket: Socket,
        from: Vec<u8>,
        turn: &mut Turn<'_, Arc<Conn>>,
    ) {
        let handshake = match Handshake::begin(hub, transport, socket, None, clock::now()) {
            Ok(handshake) => handshake,
            Err(failure) => {
                note_failed(hub, &conn, &failure);
                return conn.drop_user();
            }
        };
        socket::set_close_on_exec(handshake.fd());
        hub.arrival_began();
        let (fd, deadline) = (handshake.fd(), handshake.deadline());
        let arrival = Arc::new(Arrival {
            hub: Arc::clone(hub),
            place: OnceLock::new(),
            stage: Right::new(Some(Stage::Shaking {
                conn: Arc::clone(&conn),
                handshake,
                from,
            })),
        });
        match hub
            .shards
            .home()
            .reactor
            .register(fd, Arc::clone(&arrival) as _)
        {
            Ok(place) => {
                let _ = arrival.place.set(place);
                turn.at(deadline, Arc::clone(&arrival) as _);
                turn.again(arrival);
            }
            // Nobody else has it.
            Err(e) => {
                note_failed(hub, &conn, &Failure::of("handshake", e));
                hub.arrival_ended();
                conn.drop_user();
            }
        }
    }

    fn advance(self: &Arc<Self>, stage: Stage, turn: &mut Turn<'_, Arc<Conn>>) -> Option<Stage> {
        match stage {
            Stage::Shaking {
                conn,
                handshake,
                from,
            } => {
                let ended = if self.hub.is_draining() {
                    Err(Failure::new(libc::ESHUTDOWN, "the set drains"))
                } else {
                    match handshake.advance() {
                        ControlFlow::Continue(need) => {
                            if need == Need::Turn {
                                turn.again(Arc::clone(self) as _);
                            }
                            return Some(Stage::Shaking {
                                conn,
                                handshake,
                                from,
                            });
                        }
                        ControlFlow::Break(ended) => ended,
                    }
                };
                match ended {
                    Ok(()) => {
                        self.leave(handshake.fd(), turn);
                        let socket = handshake.into_socket();
                        match conn.open(socket, First::Accept(from)) {
                            Ok(true) => turn.found.push(conn),
                            Ok(false) => {}
                            Err(_) => {
                                self.hub.registry.count(|sums| sums.refused += 1);
                                conn.drop_user();
                            }
                        }
                        None
                    }
                    Err(failure) => {
                        note_failed(&self.hub, &conn, &failure.of_peer(&handshake.socket));
                        let socket = handshake.socket;
                        socket::shutdown(socket.fd.as_raw(), Direction::Write);
                        let until = clock::now() + LINGER;
                        turn.at(until, Arc::clone(self) as _);
                        let leaving = Stage::Leaving {
                            conn,
                            socket,
                            until,
                            unread: LEFT_UNREAD,
                        };
                        self.advance(leaving, turn)
                    }
                }
            }
            Stage::Leaving {
                conn,
                socket,
                until,
                mut unread,
            } => {
                let fd = socket.fd.as_raw();
                let mut sink = [0; 4096];
                let wait = loop {
                    match socket::recv(fd, &mut sink, Wait::Not) {
                        Ok(n) if n > 0 && n < unread => unread -= n,
                        Err(Errno(libc::EINTR)) => {}
                        Err(Errno(libc::EAGAIN)) => break clock::now() < until,
                        _ => break false,
                    }
                };
                if wait && !self.hub.is_draining() {
                    return Some(Stage::Leaving {
                        conn,
                        socket,
                        until,
                        unread,
                    });
                }
                self.leave(fd, turn);
                conn.drop_user();
                None
            }
        }
    }

    /// The loop has nothing more to do with it.
    fn leave(self: &Arc<Self>, fd: i32, turn: &mut Turn<'_, Arc<Conn>>) {
        if let Some(place) = self.place.get() {
            self.hub.shards.home().reactor.deregister(fd, *place);
        }
        turn.never(&(Arc::clone(self) as _));
        self.hub.arrival_ended();
    }
}

/// Nobody but those who watch is told of a connection that never stood.
fn note_failed(hub: &ConnHub, conn: &Conn, failure: &Failure) {
    hub.registry.count(|sums| sums.handshakes_failed += 1);
    conn.leave_error(&failure.text);
}

impl Source<Arc<Conn>> for Arrival {
    fn on_ready(self: Arc<Self>, _: Ready, turn: &mut Turn<'_, Arc<Conn>>) {
        if self.place.get().is_none() {
            return;
        }
        let mut asked = self.stage.ask();
        while let Some(mut held) = asked {
            cancel::held_off(|| {
                if let Some(stage) = held.take() {
                    *held = self.advance(stage, turn);
                }
            });
            asked = held.release();
        }
    }

    fn on_settings(self: Arc<Self>) {
        let hub = Arc::clone(&self.hub);
        hub.shards.home().reactor.again(self);
    }
}
