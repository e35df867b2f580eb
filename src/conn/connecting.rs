//! Connecting while nobody waits: `mrpc_connect_async`. Whoever turns the loop drives the race.
//!
//! A handle with such an attempt is *pending* until its callback begins:
//!
//! ```text
//!             attempt             Connect event          callback
//!  New -> Opening, pending -+-> Opening, pending -+-> New, free for the next attempt
//!                           |     (it failed)     +-> Gone, if it was closed meanwhile
//!                           +-> Open, pending ------> Open; closed meanwhile: ends unnoticed
//!                                 (it stands)
//! ```
//!
//! INV-N1: the Connect event is queued once, by the loop, before anything else can be. Its
//!         runner takes the pending callback, and with it the error to be told.
//! INV-N2: an attempt that is closed is told so, whatever came of it; who closes only says so,
//!         and leaves sockets to the loop.
//! INV-N3: from the beginning to the return of the callback the attempt holds the handle.

use super::ends::not_opened;
use super::handshake::{Handshake, Need};
use super::life::First;
use super::race::{Progress, Race, Rider};
use super::{Conn, State};
use crate::abi::mrpc_connect_fn;
use crate::error::{Errno, Failure, Result};
use crate::proto::life::Phase;
use crate::reactor::{Place, Ready, Source, Turn};
use crate::resolver::Asker;
use crate::sync::right::Right;
use crate::sync::Ordering;
use crate::sys::{cancel, clock};
use crate::transport::Transport;
use std::ffi::{CStr, CString};
use std::ops::ControlFlow;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Instant;

/// Whom an attempt is for.
#[derive(Clone, Copy)]
pub struct ConnectCall {
    pub callback: mrpc_connect_fn,
    /// The application's pointer, as an exposed address: it is only ever handed back.
    pub data: usize,
}

pub(super) struct Pending {
    call: ConnectCall,
    /// Until the attempt has ended.
    connecting: Option<Arc<Connecting>>,
    cancelled: bool,
}

/// What was closed.
pub(super) enum Closed {
    /// A connection without an attempt.
    Plain,
    /// One that stands, and whose callback has not begun. The loop may see that, too, and close
    /// it: once.
    Standing,
    /// An attempt, which the loop ends; None: it has ended by itself.
    Attempt(Option<Arc<Connecting>>),
}

pub(super) struct Connecting {
    conn: Arc<Conn>,
    begun: Instant,
    /// What the handshake goes by, if there will be one.
    transport: Option<(Arc<Transport>, Option<CString>)>,
    /// The driver's. None: it has ended.
    stage: Right<Option<Stage>>,
}

/// How far an attempt has come.
enum Stage {
    Race(Race),
    Handshake(Handshake, Place),
}

impl State {
    fn pending(&mut self) -> Option<&mut Pending> {
        self.rare.as_deref_mut()?.pending.as_mut()
    }

    /// The connection is closed: its callback, if it has not begun, is to be told so.
    pub(super) fn cancel_attempt(&mut self) -> Result<Closed> {
        let opening = self.proto.life.phase() == Phase::Opening;
        let Some(pending) = self.pending() else {
            return Ok(Closed::Plain);
        };
        if std::mem::replace(&mut pending.cancelled, true) {
            return Err(Errno(libc::EALREADY));
        }
        Ok(if opening {
            Closed::Attempt(pending.connecting.clone())
        } else {
            Closed::Standing
        })
    }

    /// The attempt has ended, and the callback is due.
    pub(super) fn end_attempt(&mut self, errno: i32) {
        let ended = self.pending().and_then(|p| p.connecting.take());
        // Its driver has it, too.
        drop(ended);
        self.proto.connected(errno);
    }
}

impl Conn {
    /// Begins an attempt, of which the callback is told.
    pub fn connect_async(
        self: &Arc<Self>,
        family: i32,
        host: Option<&CStr>,
        service: Option<&CStr>,
        call: ConnectCall,
    ) -> Result<()> {
        self.hub.check_process()?;
        let service = self
            .check_target(service)
            .map_err(|failure| self.note_failure(failure))?;
        self.begin_opening()?;
        let limit = self.hub.config.connect_timeout();
        let race = cancel::held_off(|| Race::new(family, host, service, limit))
            .map_err(|failure| self.give_up_opening(failure))?;
        let transport = self.hub.transport();
        let connecting = Arc::new(Connecting {
            conn: Arc::clone(self),
            begun: clock::now(),
            transport: transport.map(|transport| (transport, host.map(CStr::to_owned))),
            stage: Right::new(Some(Stage::Race(race))),
        });
        self.holds.fetch_add(1, Ordering::Relaxed);
        self.lock().rare().pending = Some(Pending {
            call,
            connecting: Some(Arc::clone(&connecting)),
            cancelled: false,
        });
        // Before it looks whether the set drains.
        self.hub.attempt_began(self);
        connecting.wake();
        Ok(())
    }

    /// The attempt's event runs: whom to call, and with which error. With one, the handle is
    /// free again, or final.
    pub fn begin_connect_callback(&self, errno: i32) -> Option<(ConnectCall, i32)> {
        let mut st = self.lock();
        let Pending {
            call, cancelled, ..
        } = st.rare.as_deref_mut()?.pending.take()?;
        if !cancelled {
            st.proto.life.give_up_opening();
            self.publish(&st);
            return Some((call, errno));
        }
        let rare = st.rare();
        rare.ends_unnoticed = true;
        rare.failure = Some("it was closed meanwhile".to_string());
        st.proto.end_unopened();
        self.publish(&st);
        Some((call, libc::ECANCELED))
    }

    /// The attempt's callback has returned.
    pub fn end_connect_callback(&self) {
        self.drop_hold();
    }

    /// It was closed before its callback: there is no other that would be told.
    pub fn ends_unnoticed(&self) -> bool {
        let st = self.lock();
        st.rare.as_deref().is_some_and(|rare| rare.ends_unnoticed)
    }

    /// Has an attempt that is under way look whether it goes on.
    pub fn wake_attempt(&self) {
        let connecting = self.lock().pending().and_then(|p| p.connecting.clone());
        if let Some(connecting) = connecting {
            connecting.wake();
        }
    }

    fn is_cancelled(&self) -> bool {
        self.lock().pending().is_some_and(|p| p.cancelled)
    }

    /// True: the lane has to be scheduled.
    fn fail_attempt(&self, failure: Failure) -> bool {
        let mut st = self.lock();
        st.rare().failure = Some(failure.text);
        st.end_attempt(failure.errno.0);
        st.proto.claim(&self.hub.config.limits())
    }
}

impl Connecting {
    /// Sees to it that the loop looks at the attempt.
    pub fn wake(self: Arc<Self>) {
        let hub = Arc::clone(&self.conn.hub);
        hub.shards.home().reactor.again(self);
    }

    /// Why it does not go on.
    fn given_up(&self) -> Option<Failure> {
        if self.conn.is_cancelled() {
            return Some(Failure::new(libc::ECANCELED, "closed"));
        }
        let draining = self.conn.hub.is_draining();
        draining.then(|| not_opened(Errno(libc::ESHUTDOWN)))
    }

    /// Goes as far as it can. None: the attempt has ended.
    fn advance(self: &Arc<Self>, stage: Stage, turn: &mut Turn<'_, Arc<Conn>>) -> Option<Stage> {
        let source = Arc::clone(self) as _;
        let mut race = match stage {
            Stage::Race(race) => race,
            Stage::Handshake(handshake, place) => return self.shake(handshake, place, turn),
        };
        let made = match self.given_up() {
            Some(failure) => Err(failure),
            None => match race.advance(self) {
                Progress::Stands(socket) => Ok(socket),
                Progress::Failed(failure) => Err(failure),
                Progress::Wait(until) => {
                    match until {
                        Some(until) => turn.at(until, source),
                        None => turn.never(&source),
                    }
                    return Some(Stage::Race(race));
                }
            },
        };
        race.end(self);
        turn.never(&source);
        let begun = made.and_then(|socket| self.begin_handshake(socket, turn));
        match begun {
            Ok(Begun::Handshake(handshake, place)) => self.shake(handshake, place, turn),
            Ok(Begun::Stands(socket)) => self.finish(Ok(socket), turn),
            Err(failure) => self.finish(Err(failure), turn),
        }
    }

    fn begin_handshake(
        self: &Arc<Self>,
        socket: super::Socket,
        turn: &mut Turn<'_, Arc<Conn>>,
    ) -> std::result::Result<Begun, Failure> {
        let Some((transport, host)) = &self.transport else {
            return Ok(Begun::Stands(socket));
        };
        let hub = &self.conn.hub;
        let handshake = Handshake::begin(hub, transport, socket, host.as_deref(), self.begun)?;
        let place = self.attend(handshake.fd()).map_err(not_opened)?;
        turn.at(handshake.deadline(), Arc::clone(self) as _);
        match place {
            Some(place) => Ok(Begun::Handshake(handshake, place)),
            None => Err(not_opened(Errno(libc::ENOMEM))),
        }
    }

    fn shake(
        self: &Arc<Self>,
        handshake: Handshake,
        place: Place,
        turn: &mut Turn<'_, Arc<Conn>>,
    ) -> Option<Stage> {
        let ended = match self.given_up() {
            Some(failure) => Err(failure),
            None => match handshake.advance() {
                ControlFlow::Continue(need) => {
                    if need == Need::Turn {
                        turn.again(Arc::clone(self) as _);
                    }
                    return Some(Stage::Handshake(handshake, place));
                }
                ControlFlow::Break(ended) => ended,
            },
        };
        turn.never(&(Arc::clone(self) as _));
        self.leave(handshake.fd(), Some(place));
        self.finish(handshake.end(ended), turn)
    }

    fn finish(
        &self,
        made: std::result::Result<super::Socket, Failure>,
        turn: &mut Turn<'_, Arc<Conn>>,
    ) -> Option<Stage> {
        let conn = &self.conn;
        conn.hub.attempt_ended(conn);
        let opened = made.and_then(|socket| {
            let opened = conn.open(socket, First::Connect);
            opened.map_err(|(e, _)| not_opened(e))
        });
        let claimed = match opened {
            Ok(claimed) => {
                conn.hub.registry.count(|sums| sums.connected += 1);
                if conn.is_cancelled() {
                    // Closed just before it stood; if after that, this finds it closed.
                    let _ = conn.close_open();
                }
                claimed
            }
            Err(failure) => conn.fail_attempt(failure),
        };
        if claimed {
            turn.found.push(Arc::clone(conn));
        }
        None
    }
}

/// What a socket that stands comes to.
#[allow(
    clippy::large_enum_variant,
    reason = "it is made once an attempt, and does not stay"
)]
enum Begun {
    Stands(super::Socket),
    Handshake(Handshake, Place),
}

/// A socket, a time, an answer, or a close.
impl Source<Arc<Conn>> for Connecting {
    fn on_ready(self: Arc<Self>, _: Ready, turn: &mut Turn<'_, Arc<Conn>>) {
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
}

impl Asker for Connecting {
    fn answered(self: Arc<Self>) {
        self.wake();
    }
}

impl Rider for Arc<Connecting> {
    fn asker(&self) -> Arc<dyn Asker> {
        Arc::clone(self) as _
    }

    fn attend(&self, fd: RawFd) -> Result<Option<Place>> {
        let reactor = &self.conn.hub.shards.home().reactor;
        reactor.register(fd, Arc::clone(self) as _).map(Some)
    }

    fn leave(&self, fd: RawFd, place: Option<Place>) {
        if let Some(place) = place {
            self.conn.hub.shards.home().reactor.deregister(fd, place);
        }
    }
}
