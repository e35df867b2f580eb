//! From connecting to the end.

use super::connecting::Closed;
use super::ends::{not_opened, Ends, Socket};
use super::outputs::Outputs;
use super::receive::Reader;
use super::requests::requests;
use super::{Conn, State};
use crate::error::{Errno, Failure, Result};
use crate::proto::connection::CloseError;
use crate::proto::life::{Phase, Reason};
use crate::proto::status;
use crate::sync::right::Held;
use crate::sync::Ordering;
use crate::sys::cancel;
use crate::sys::fd::Fd;
use crate::sys::net::{Direction, Wait};
use crate::sys::socket;
use std::os::fd::RawFd;
use std::sync::Arc;

/// A connection's first event.
pub enum First {
    Nothing,
    /// With the peer's address.
    Accept(Vec<u8>),
    /// The callback of the attempt that made it.
    Connect,
}

impl Conn {
    // --- references

    /// Adds a user reference.
    pub fn add_user(&self) {
        self.holds.fetch_add(1, Ordering::Relaxed);
    }

    /// Drops a user reference. The handle may be gone when this returns.
    pub fn drop_user(&self) {
        if self.hub.check_process().is_err() {
            self.close_copy();
        } else {
            self.drop_hold();
        }
    }

    /// The disconnect callback has returned.
    pub fn end_active(&self) {
        let (accepted, reason, counts) = {
            let mut st = self.lock();
            st.proto.life.advance(Phase::Gone, None);
            self.publish(&st);
            let accepted = std::mem::take(&mut st.accepted);
            (accepted, st.proto.life.reason(), st.proto.counters.clone())
        };
        self.hub.registry.leave(self.id, reason, &counts);
        self.hub.connection_gone(accepted);
        self.drop_hold();
    }

    pub(super) fn drop_hold(&self) {
        if self.holds.fetch_sub(1, Ordering::AcqRel) == 1 {
            // The callers have references of their own, so this is not the last one here.
            let handle = self.lock().handle.take();
            self.hub.handle_gone();
            drop(handle);
        }
    }

    /// In a forked child: closes this process's copy of the descriptor, without a lock.
    fn close_copy(&self) {
        let fd = self.fd.swap(-1, Ordering::AcqRel);
        if fd >= 0 {
            drop(Fd::own(fd));
        }
    }

    // --- the beginning

    /// Takes over a connected stream socket; on an error it stays the caller's, as it was.
    pub fn bind(self: &Arc<Self>, fd: RawFd) -> Result<()> {
        self.hub.check_process()?;
        let (family, peer) = bindable(fd).map_err(|failure| self.note_failure(failure))?;
        let transport = self.hub.transport();
        self.open_made(
            || {
                let secure = transport.map(|transport| self.secure_bound(&transport, &peer));
                let secure = secure.transpose()?;
                Ok(Socket::new(Fd::own(fd), family, peer).with(secure))
            },
            |fd| {
                fd.into_raw();
            },
        )?;
        self.hub.registry.count(|sums| sums.bound += 1);
        self.hub.observer.tell();
        Ok(())
    }

    /// The state of a handle while a socket is made for it: one thread at a time, once.
    pub(super) fn open_made(
        self: &Arc<Self>,
        make: impl FnOnce() -> std::result::Result<Socket, Failure>,
        give_back: impl FnOnce(Fd),
    ) -> Result<()> {
        self.begin_opening()?;
        let made = cancel::held_off(make).and_then(|socket| {
            let opened = self.open(socket, First::Nothing);
            opened.map(drop).map_err(|(e, fd)| {
                give_back(fd);
                not_opened(e)
            })
        });
        made.map_err(|failure| self.give_up_opening(failure))
    }

    pub(super) fn begin_opening(&self) -> Result<()> {
        let begun = {
            let mut st = self.lock();
            let begun = st.begin_opening(self);
            self.publish(&st);
            begun
        };
        begun.map_err(|failure| self.note_failure(failure))
    }

    pub(super) fn give_up_opening(&self, failure: Failure) -> Errno {
        {
            let mut st = self.lock();
            st.proto.life.give_up_opening();
            self.publish(&st);
        }
        self.note_failure(failure)
    }

    /// Starts the active life on a connected socket, or gives it back as it was. The first event
    /// is queued before anything can arrive; true: the caller has to schedule the lane.
    pub fn open(
        self: &Arc<Self>,
        socket: Socket,
        first: First,
    ) -> std::result::Result<bool, (Errno, Fd)> {
        let family = socket.family;
        let (fd, ends, secure) = Ends::of(socket);
        let raw = fd.as_raw();
        // With the right held, nothing is read before the state says so.
        let held = self.reading.try_take();
        let place = match self.join_shard(raw) {
            Ok(place) => place,
            Err(e) => return Err((e, fd)),
        };
        self.holds.fetch_add(1, Ordering::Relaxed);
        let hub = &self.hub;
        let accepted = matches!(first, First::Accept(_));
        if !hub.connection_made(self.id, Arc::clone(self), accepted) {
            // Its user, or its attempt, holds it.
            self.holds.fetch_sub(1, Ordering::Relaxed);
            self.leave_shard(raw, place);
            return Err((Errno(libc::ESHUTDOWN), fd));
        }
        socket::prepare(raw, family, hub.config.keepalive());
        let early = secure.as_ref().is_some_and(|secure| secure.has_early());
        if let Some(secure) = secure {
            // Nothing is read or sent yet, so nobody has looked.
            let _ = self.secure.set(secure);
        }
        let stops_short = family == libc::AF_UNIX;
        self.stops_short.store(stops_short, Ordering::Relaxed);
        self.fd.store(fd.into_raw(), Ordering::Release);
        let mut out = Outputs {
            resumed: early,
            ..Outputs::default()
        };
        let claimed = {
            let mut st = self.lock();
            st.place = Some(place);
            st.ends = Some(ends);
            st.clear_failure();
            st.begin_times();
            st.proto.life.advance(Phase::Open, None);
            self.publish(&st);
            st.accepted = accepted;
            match first {
                First::Nothing => {}
                First::Accept(from) => st.proto.accepted(from),
                First::Connect => st.end_attempt(0),
            }
            out.watch = st.begin_watch(self);
            if self.secure.get().is_some() {
                // Of a bound socket, the handshake begins.
                out.flush = st.proto.outbox.nudge();
            }
            st.charge(self);
            st.proto.claim(&self.hub.config.limits())
        };
        self.leave_up();
        self.act(out);
        if held.is_some_and(|held| self.put_off(held)) {
            self.call_again();
        }
        Ok(claimed)
    }

    // --- the end

    /// Closes: what is queued is sent first; see `mrpc_conn_close`.
    pub fn close(self: &Arc<Self>) -> Result<()> {
        if self.hub.check_process().is_err() {
            self.close_copy();
            return Ok(());
        }
        let closed = self.lock().cancel_attempt()?;
        let result = match closed {
            Closed::Plain => self.close_open(),
            Closed::Standing => {
                let _ = self.close_open();
                Ok(())
            }
            Closed::Attempt(connecting) => {
                if let Some(connecting) = connecting {
                    connecting.wake();
                }
                Ok(())
            }
        };
        self.hub.observer.tell();
        result
    }

    pub(super) fn close_open(self: &Arc<Self>) -> Result<()> {
        let mut out = Outputs::default();
        {
            let mut st = self.lock();
            let waiters = st.proto.close().map_err(|e| match e {
                CloseError::NeverConnected => Errno(libc::ENOTCONN),
                CloseError::Already => Errno(libc::EALREADY),
            })?;
            self.publish(&st);
            self.interrupt.store(true, Ordering::Release);
            self.clear_sleepers(&mut st);
            out.end_all(waiters, status::NETWORK_FAILURE);
            st.settle(self, &mut out);
            st.finish_sending(self, &mut out);
        }
        self.act(out);
        self.end_recv();
        Ok(())
    }

    /// While a closing connection's queue waits for the peer to read, a sync caller may still
    /// sit in `recv`. It looks whether it is done after it has said that it waits, and we look
    /// whether it waits after its call has failed. Nobody else is disturbed: on a Unix socket
    /// the peer, which may be writing, would be refused.
    fn end_recv(&self) {
        let mut st = self.lock();
        if st.proto.life.phase() == Phase::Closing && self.reading.is_waiting() && self.fd() >= 0 {
            st.input_cut = true;
            socket::shutdown(self.fd(), Direction::Read);
        }
    }

    pub(super) fn clear_sleepers(&self, st: &mut State) {
        for waiter in st.sleepers.drain(..) {
            waiter.promote();
        }
        self.has_sleepers.store(false, Ordering::SeqCst);
    }

    /// The connection is dead: fails its calls, queues what is left to tell, lets go of the
    /// socket.
    pub(super) fn shut(self: &Arc<Self>, reason: Reason, error: Option<String>) {
        let mut out = Outputs::default();
        let told = error.clone().filter(|_| self.hub.observer.traces());
        let unshaken = error.is_some() && self.is_shaking();
        let (rare, reason, age) = {
            let mut st = self.lock();
            if st.proto.life.phase() >= Phase::Shut {
                return;
            }
            if let Some(text) = error {
                if self.secure.get().is_some() {
                    st.rare().failure = Some(text.clone());
                }
                st.proto.io_error(text);
            }
            let Some(waiters) = st.proto.shut(reason) else {
                return;
            };
            // Under the lock that says so: from then on whoever reads may close the socket.
            self.announce_end(&st);
            self.publish(&st);
            self.clear_sleepers(&mut st);
            out.end_all(waiters, status::NETWORK_FAILURE);
            out.claimed = st.proto.claim(&self.hub.config.limits());
            out.reap = true;
            st.charge(self);
            let rare = st.rare.as_mut();
            let rare = rare.map(|rare| {
                let kept = std::mem::take(&mut rare.kept);
                (kept, rare.time.take(), rare.watch.take())
            });
            (rare, st.proto.life.reason(), st.times.age_ms())
        };
        if unshaken {
            self.hub.registry.count(|sums| sums.handshakes_failed += 1);
        }
        if let Some(text) = told {
            self.leave_error(&text);
        }
        self.leave_down(reason as i32, age * 1_000_000);
        // Before it is looked whether one of them still waits.
        out.wake_ended();
        self.shut_socket();
        if let Some((kept, time, watch)) = rare {
            requests().forget(kept);
            if time.is_some() {
                self.forget_time();
            }
            if watch.is_some() {
                self.hub.watched.forget(self);
            }
        }
        self.act(out);
    }

    /// By what a transport has for it.
    fn announce_end(&self, st: &State) {
        let fd = self.fd();
        if fd < 0 {
            return;
        }
        if let (Some(secure), false) = (self.secure.get(), st.proto.outbox.is_writing()) {
            // If the socket takes it. A writer under way is in the midst of something else.
            secure.part(fd);
        }
    }

    /// Tells the peer that this is the end, and a sync caller that sits in `recv`, as in
    /// `end_recv`.
    fn shut_socket(&self) {
        let mut st = self.lock();
        if self.fd() < 0 {
            return;
        }
        if self.reading.is_waiting() {
            st.input_cut = true;
            socket::shutdown(self.fd(), Direction::Both);
        } else {
            socket::shutdown(self.fd(), Direction::Write);
        }
    }

    /// Closes the descriptor if nobody uses it; else whoever does will come here (INV-C1).
    pub(super) fn reap(self: &Arc<Self>) {
        let mut asked = self.reading.ask();
        while let Some(held) = asked {
            self.reap_held(&held);
            asked = held.release();
        }
    }

    /// Lets go of the right without a look at what others ask for meanwhile; true: they have, and
    /// the loop has to look. It may not turn any more where they found the connection dead: that
    /// is seen to here.
    #[must_use]
    pub(super) fn put_off(self: &Arc<Self>, mut held: Held<'_, Reader>) -> bool {
        let mut asked = false;
        loop {
            self.reap_if_dead(&held);
            held = match held.release() {
                Some(noted) => noted,
                None => return asked,
            };
            asked = true;
        }
    }

    /// Before letting go of the right: whoever found the connection dead may have left a note.
    pub(super) fn reap_if_dead(self: &Arc<Self>, held: &Held<'_, Reader>) {
        if self.is_past(Phase::Closing) {
            self.reap_held(held);
        }
    }

    fn reap_held(&self, _reading: &Held<'_, Reader>) {
        let (fd, place, input_cut) = {
            let mut st = self.lock();
            let busy = st.proto.outbox.is_writing() || st.throttled > 0;
            if st.proto.life.phase() < Phase::Shut || busy {
                return;
            }
            let fd = self.fd.swap(-1, Ordering::AcqRel);
            (fd, st.place.take(), st.input_cut)
        };
        if fd < 0 {
            return;
        }
        if let Some(place) = place {
            self.leave_shard(fd, place);
        }
        let fd = Fd::own(fd);
        // Closing with unread bytes sends a reset, which may overtake our last messages. Without
        // one, a peer that is writing waits: for the window, which reading opens, unless that
        // was shut.
        if input_cut {
            return;
        }
        let mut sink = [0u8; 4096];
        for _ in 0..64 {
            match socket::recv(fd.as_raw(), &mut sink, Wait::Not) {
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
    }
}

/// Family and peer of a connected stream socket.
fn bindable(fd: RawFd) -> std::result::Result<(i32, Vec<u8>), Failure> {
    let failed = |e| Failure::of("descriptor", e);
    let peer = socket::peer_address(fd).map_err(failed)?;
    let family = socket::family(fd).map_err(failed)?;
    if !socket::is_stream(fd).map_err(failed)? {
        let why = "the descriptor is no stream socket";
        return Err(Failure::new(libc::EPROTONOSUPPORT, why));
    }
    Ok((family, peer))
}

#[cfg(all(test, sim))]
mod sim_tests {
    use crate::proto::life::Reason;
    use crate::sim_tests::pair::{conn, Pair, Plan};
    use crate::sim_tests::runner::check;
    use crate::sync::sim::wait;
    use std::time::Duration;

    /// The loop may not turn any more, and nobody else would look.
    #[test]
    fn what_died_while_it_was_read_is_closed_though_reading_is_put_off() {
        check(100, |seed| {
            let pair = Pair::new(&Plan::any(seed));
            let conn = conn(0);
            wait::quiet();
            let held = conn.reading.ask().expect("nobody reads");
            conn.shut(Reason::IoErr, None);
            assert!(conn.fd() >= 0, "closed while it is read");
            let _ = conn.put_off(held);
            assert_eq!(conn.fd(), -1);
            drop(conn);
            pair.finish(Duration::from_secs(1));
        });
    }
}
