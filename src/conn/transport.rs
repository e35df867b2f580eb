//! A connection's transport (`crate::transport`), between its messages and its socket.
//!
//! ```text
//!           handshake ends          our end or the peer's         the other one
//!  Shaking ----------------> Ready ----------------------> half ---------------> over
//!     |                        |                             |
//!     +------------------------+--> Failed <-----------------+
//!                                   what tells the peer so is still sent
//! ```
//!
//! INV-X1: `receive` is called by the holder of the reading right, `send` and `end` by the outbox's
//!         writer, or, where no writer is nor can begin, under the lock. What they own are rights,
//!         so that this is seen to; nobody ever finds one taken.
//! INV-X2: plain bytes stay in the outbox until the bytes that stand for them have left, so that
//!         "sent" means the same with a transport as without. At most one batch is sealed ahead.
//! INV-X3: a session that has something to send, or becomes ready, is told of under the lock
//!         (`Outbox::nudge`), after that can be seen here. INV-F4 does the rest.
//! INV-X4: what one read has brought is opened as a whole. So a session never holds plain bytes
//!         where the socket has nothing, but for those that came with the end of the handshake,
//!         which are opened in the first turn.
//! INV-X5: nothing is sealed before the session is ready, nor after our end.

use super::receive::{Got, OwnCall, Reader};
use super::Conn;
use crate::error::{Errno, Result};
use crate::local;
use crate::proto::life::{Phase, Reason};
use crate::reactor::READ_SIZE;
use crate::sync::right::{Held, Right};
use crate::sync::{AtomicU8, Ordering};
use crate::sys::net::{Direction, Wait};
use crate::sys::socket;
use crate::transport::{Session, State, Step};
use std::ffi::c_void;
use std::os::fd::RawFd;
use std::sync::Arc;

/// Plain bytes that are sealed at a time.
const BATCH: usize = 64 * 1024;
/// Room for what stands for a batch: see `send` in the header.
const ROOM: usize = BATCH + BATCH / 8 + 1024;

const READY: u8 = 1;
const FAILED: u8 = 2;
/// Our end; the peer's.
const PARTED: u8 = 4;
const HEARD: u8 = 8;
/// Something came with the end of the handshake.
const EARLY: u8 = 16;
/// The socket's sending side has ended, too.
const CLOSED: u8 = 32;
/// The session has something to send: a reader says so, and a writer asks.
const WANTS: u8 = 64;

pub struct Secure {
    session: Session,
    stage: AtomicU8,
    /// The reader's: bytes of the wire that came early.
    early: Right<Vec<u8>>,
    /// The writer's.
    sealer: Right<Sealer>,
}

#[derive(Default)]
struct Sealer {
    /// Sealed, and sent up to `at`.
    wire: Vec<u8>,
    at: usize,
    /// The plain bytes that it stands for.
    plain: usize,
    /// The session has more.
    more: bool,
}

impl Secure {
    pub fn new(session: Session) -> Secure {
        Secure {
            session,
            stage: AtomicU8::new(WANTS),
            early: Right::new(Vec::new()),
            sealer: Right::new(Sealer::default()),
        }
    }

    fn is(&self, stage: u8) -> bool {
        self.stage.load(Ordering::SeqCst) & stage != 0
    }

    /// True if that is news.
    fn mark(&self, stage: u8) -> bool {
        stage != 0 && self.stage.fetch_or(stage, Ordering::SeqCst) & stage != stage
    }

    fn note(&self, state: State) -> bool {
        let ready = if state.is_ready() { READY } else { 0 };
        let failed = if state.has_failed() { FAILED } else { 0 };
        self.mark(ready | failed)
    }

    pub fn is_ready(&self) -> bool {
        self.is(READY)
    }

    /// What C knows the session by, if it is of that table.
    pub fn session(&self, table: usize) -> Option<*mut c_void> {
        self.session.of(table)
    }

    pub fn error(&self) -> String {
        self.session.error()
    }

    // --- the reader's

    /// One step of `receive`. True: the outbox has to be nudged.
    pub fn receive(&self, step: impl FnOnce(&Session) -> Step) -> (Step, bool) {
        let step = step(&self.session);
        let news = self.note(step.state);
        if step.state.has_ended() {
            self.mark(HEARD);
        }
        let wants = step.state.wants_to_send();
        if wants {
            self.mark(WANTS);
        }
        (step, news || wants)
    }

    /// Takes what has come during the handshake. Plain bytes, and what is behind the end of the
    /// handshake, are left to the connection.
    pub fn shake(&self, mut wire: &[u8]) {
        while !wire.is_empty() && !self.is(READY | FAILED) {
            let (step, _) = self.receive(|session| session.receive(wire, &mut []));
            wire = &wire[step.taken..];
            if step.state.has_more() || step.state.has_ended() {
                self.mark(EARLY);
            }
            if step.taken == 0 && !self.is(READY) {
                self.mark(FAILED);
            }
        }
        if !wire.is_empty() && self.is(READY) {
            if let Some(mut early) = self.early.try_take() {
                early.extend_from_slice(wire);
            }
            self.mark(EARLY);
        }
    }

    /// What has to be opened before anything is read, once.
    pub fn take_early(&self) -> Option<Vec<u8>> {
        if !self.is(EARLY) {
            return None;
        }
        self.stage.fetch_and(!EARLY, Ordering::SeqCst);
        self.early
            .try_take()
            .map(|mut early| std::mem::take(&mut *early))
    }

    pub fn has_early(&self) -> bool {
        self.is(EARLY)
    }

    pub fn has_failed(&self) -> bool {
        self.is(FAILED)
    }

    /// The peer has said that it sends no more.
    pub fn has_ended(&self) -> bool {
        self.is(HEARD)
    }

    // --- the writer's

    /// As a send of what is behind the first `skip` plain bytes: gives how many have left, of one
    /// batch at most. What is under way leaves before them.
    pub fn send(&self, fd: RawFd, plain: &[&[u8]], skip: usize) -> Result<usize> {
        match self.sealer.try_take() {
            Some(mut sealer) => self.send_by(&mut sealer, fd, plain, skip),
            None => Err(Errno(libc::EAGAIN)),
        }
    }

    fn send_by(
        &self,
        sealer: &mut Sealer,
        fd: RawFd,
        plain: &[&[u8]],
        skip: usize,
    ) -> Result<usize> {
        let mut sent = 0;
        let mut flushed = self.flush(sealer, fd, &mut sent);
        if sent == 0 && flushed.is_ok() {
            let pieces = batch_of(plain, skip);
            if pieces.is_empty() {
                return Ok(0);
            }
            if self.is(FAILED) {
                return Err(Errno(libc::EPROTO));
            }
            if self.is(PARTED) {
                return Err(Errno(libc::EPIPE));
            }
            if !self.is(READY) {
                return Err(Errno(libc::EAGAIN));
            }
            self.seal(sealer, &pieces)?;
            flushed = self.flush(sealer, fd, &mut sent);
            if flushed.is_ok() && sent == 0 {
                return Err(Errno(libc::EPROTO));
            }
        }
        // An error behind bytes that have left comes again.
        if sent > 0 {
            return Ok(sent);
        }
        flushed.map(|()| 0)
    }

    /// As `send`, of a chunk of the outbox, with what is left behind.
    pub fn send_chunk(
        &self,
        fd: RawFd,
        bytes: &[u8],
        begun: &mut u32,
        control: &mut bool,
    ) -> Result<usize> {
        let sent = self.send(fd, &[bytes], 0);
        (*begun, *control) = self.left();
        sent
    }

    /// Sends what is sealed, and what else the session has.
    fn flush(&self, sealer: &mut Sealer, fd: RawFd, sent: &mut usize) -> Result<()> {
        loop {
            while sealer.at < sealer.wire.len() {
                match socket::send(fd, &sealer.wire[sealer.at..]) {
                    Ok(n) => sealer.at += n,
                    Err(Errno(libc::EINTR)) => {}
                    Err(e) => {
                        sealer.settle();
                        return Err(e);
                    }
                }
            }
            *sent += std::mem::take(&mut sealer.plain);
            sealer.settle();
            if self.is(WANTS) {
                // Before it is asked: what comes later is told of again.
                self.stage.fetch_and(!WANTS, Ordering::SeqCst);
            } else if !sealer.more {
                return Ok(());
            }
            self.seal(sealer, &[])?;
        }
    }

    /// One step of `send`, where nothing is sealed.
    ///
    /// Each connection whose socket takes nothing keeps such a buffer: it may not be there.
    fn seal(&self, sealer: &mut Sealer, plain: &[&[u8]]) -> Result<()> {
        let mut wire = local::take_wire_out();
        if wire.try_reserve(ROOM).is_err() {
            return Err(Errno(libc::ENOMEM));
        }
        let step = self.session.send(plain, &mut wire);
        self.note(step.state);
        *sealer = Sealer {
            wire,
            at: 0,
            plain: step.taken,
            more: step.state.wants_to_send(),
        };
        if sealer.more && step.taken + step.given == 0 {
            // It has something, and gives nothing.
            self.mark(FAILED);
            sealer.more = false;
        }
        Ok(())
    }

    /// What the writer leaves behind: plain bytes that have begun to leave, and whether the session
    /// has anything to send.
    pub fn left(&self) -> (u32, bool) {
        let sealer = self.sealer.try_take();
        sealer.map_or((0, false), |s| {
            (s.plain as u32, s.more || !s.wire.is_empty())
        })
    }

    /// Our side ends, and says so if the socket takes it. False: not yet. Where no plain bytes are
    /// written any more.
    pub fn part(&self, fd: RawFd) -> bool {
        // A writer of the session's own bytes may still be under way.
        let Some(mut sealer) = self.sealer.try_take() else {
            return false;
        };
        let parts = self.is(READY) && !self.is(FAILED) && self.mark(PARTED);
        if parts && self.session.end().wants_to_send() {
            self.mark(WANTS);
        }
        self.send_by(&mut sealer, fd, &[], 0) != Err(Errno(libc::EAGAIN))
    }
}

impl Sealer {
    /// The buffer is its thread's: only what has not left is kept, or, without memory for that,
    /// all of it.
    fn settle(&mut self) {
        let unsent = &self.wire[self.at..];
        let mut rest = Vec::new();
        if self.wire.capacity() > 0 && rest.try_reserve_exact(unsent.len()).is_ok() {
            rest.extend_from_slice(unsent);
            local::put_wire_out(std::mem::replace(&mut self.wire, rest));
            self.at = 0;
        }
    }
}

impl Conn {
    /// As `read_once`, of a connection with a transport.
    pub(super) fn read_sealed(
        self: &Arc<Self>,
        secure: &Secure,
        held: &mut Held<'_, Reader>,
        buf: &mut [u8],
        wait: Wait,
        own: Option<&mut OwnCall<'_>>,
    ) -> (Got, bool) {
        let fd = self.fd();
        if let Some(early) = secure.take_early() {
            // The socket has not been looked at.
            let (got, claimed) = self.open_all(secure, held, &early, buf, own);
            return (got.unwrap_or(Got::More), claimed);
        }
        let mut wire = local::take_wire_in();
        wire.resize(READ_SIZE, 0);
        let room = held.room();
        let read = match socket::recv(fd, &mut wire[..room], wait) {
            Ok(0) => (self.stream_cut(secure, fd), false),
            Ok(n) => {
                self.count_read(held, fd);
                let (got, claimed) = self.open_all(secure, held, &wire[..n], buf, own);
                let rest = if n == room { Got::More } else { Got::Short };
                (got.unwrap_or(rest), claimed)
            }
            Err(Errno(libc::EINTR)) => (Got::More, false),
            Err(Errno(libc::EAGAIN)) => (self.nothing_there(), false),
            Err(e) => (self.failed("read", e), false),
        };
        local::put_wire_in(wire);
        read
    }

    /// Opens what was read, and takes it in (INV-X4). None: as far as there are no news.
    fn open_all(
        self: &Arc<Self>,
        secure: &Secure,
        reader: &mut Reader,
        mut wire: &[u8],
        buf: &mut [u8],
        mut own: Option<&mut OwnCall<'_>>,
    ) -> (Option<Got>, bool) {
        let (mut paused, mut claimed) = (false, false);
        loop {
            let direct = reader.decoder.direct();
            let appended = direct.is_some();
            if let (None, Some(own)) = (&direct, own.as_deref_mut()) {
                own.keep_reply(buf);
            }
            let (step, nudge) = secure.receive(|session| match direct {
                Some((body, room)) => session.receive_append(wire, body, room),
                None => session.receive(wire, buf),
            });
            wire = &wire[step.taken..];
            if nudge {
                self.nudge();
            }
            if step.given > 0 {
                let chunk = (!appended).then(|| &buf[..step.given]);
                let (pauses, claims) = self.take_in(reader, chunk, own.as_deref_mut());
                paused = pauses;
                claimed |= claims;
            }
            if secure.has_failed() {
                return (Some(self.session_failed(secure)), claimed);
            }
            if secure.has_ended() {
                return (Some(self.stream_ended(self.fd())), claimed);
            }
            if wire.is_empty() && !step.state.has_more() {
                break;
            }
            if step.taken + step.given == 0 {
                secure.mark(FAILED);
            }
        }
        if paused {
            self.look_for_life();
        }
        (paused.then_some(Got::Paused), claimed)
    }

    /// The session has something to send, or is ready: whoever writes sees to it, or this thread.
    fn nudge(self: &Arc<Self>) {
        let flush = {
            let mut st = self.lock();
            let open = st.proto.life.phase() < Phase::Shut;
            open.then(|| st.proto.outbox.nudge()).flatten()
        };
        if let Some(chunk) = flush {
            self.write_out(chunk);
        }
    }

    fn session_failed(self: &Arc<Self>, secure: &Secure) -> Got {
        self.shut(Reason::IoErr, Some(secure.error()));
        Got::Ended
    }

    /// The stream has ended, and the session did not say so before.
    fn stream_cut(self: &Arc<Self>, secure: &Secure, fd: RawFd) -> Got {
        if self.is_at(Phase::Closing) || secure.has_ended() {
            return self.stream_ended(fd);
        }
        if self.is_at(Phase::Failing) {
            return self.nothing_there();
        }
        let why = match secure.is_ready() {
            true => "the stream was cut: its end was not announced",
            false => "the peer ended the connection during the handshake",
        };
        self.shut(Reason::IoErr, Some(why.to_string()));
        Got::Ended
    }

    /// Our side ends while the peer's may go on. Under the lock, with nothing to send.
    pub(super) fn part_sealed(&self, secure: &Secure, fd: RawFd) {
        if fd >= 0 && secure.part(fd) && secure.mark(CLOSED) {
            socket::shutdown(fd, Direction::Write);
        }
    }
}

/// A batch of what is behind the first `skip` bytes.
fn batch_of<'a>(plain: &[&'a [u8]], mut skip: usize) -> Vec<&'a [u8]> {
    let mut room = BATCH;
    let mut batch = Vec::with_capacity(plain.len());
    for piece in plain {
        let from = skip.min(piece.len());
        let to = piece.len().min(from + room);
        skip -= from;
        room -= to - from;
        if from < to {
            batch.push(&piece[from..to]);
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_begins_behind_what_was_sent_and_is_bounded() {
        let (a, b, c) = ([1u8; 10], [2u8; 20], vec![3u8; 2 * BATCH]);
        let of = |skip| batch_of(&[&a, &[], &b, &c], skip);
        let lens = |skip| of(skip).iter().map(|p| p.len()).collect::<Vec<_>>();
        assert_eq!(lens(0), [10, 20, BATCH - 30]);
        assert_eq!(lens(10), [20, BATCH - 20]);
        assert_eq!(lens(29), [1, BATCH - 1]);
        assert_eq!(lens(30 + 2 * BATCH - 5), [5]);
        assert!(of(30 + 2 * BATCH).is_empty());
        assert_eq!(of(9)[0], [1]);
    }
}
