//! The receiving side: socket to frames to calls and events. Always under the reading right.

use super::early::Bound;
use super::outputs::Outputs;
use super::Conn;
use crate::error::Errno;
use crate::proto::connection::Handled;
use crate::proto::frame::{Body, Decoder, Frame, Header};
use crate::proto::life::{Phase, Reason};
use crate::proto::payload::Payload;
use crate::proto::status;
use crate::reactor::spin::Spin;
use crate::reactor::{Ready, Source, Turn, BUDGET, READ_SIZE};
use crate::sync::right::Held;
use crate::sync::Ordering;
use crate::sys::net::Wait;
use crate::sys::socket;
use crate::waiter::Outcome;
use std::sync::Arc;

/// Where a read brings more than so many messages, ...
const MANY: usize = 64;
/// ... of less than so many bytes each, ...
const SMALL: usize = 256;
/// ... this is what the next one takes at most, and the only one of a turn: the others wait while
/// they are taken in.
const SMALL_READ: usize = READ_SIZE / 4;
/// The scheduler moves threads now and then; a look costs a tenth of a small read.
const READS_PER_LOOK: u32 = 32;

/// What the holder of the reading right owns.
#[derive(Default)]
pub struct Reader {
    pub(super) decoder: Decoder,
    pub spin: Spin,
    /// Spinning would keep the CPU from the peer.
    pub peer_here: bool,
    /// Reads so far: now and then, where the peer runs is looked up.
    reads: u32,
    /// Other things than sync replies came in lately.
    pub unsolicited: bool,
    /// Too much was queued when it was read last.
    resting: bool,
    /// The last read brought many small messages.
    many: bool,
    /// How long the socket's `recv` waits, in milliseconds, once calls had a timeout.
    pub recv_limit: u32,
}

impl Reader {
    /// What the next read may bring.
    pub fn room(&self) -> usize {
        if self.many {
            SMALL_READ
        } else {
            READ_SIZE
        }
    }
}

/// What one read came to.
pub enum Got {
    /// A full buffer: there may be more.
    More,
    /// Less than asked for: the socket is empty, unless a hang-up came with it.
    Short,
    Nothing,
    /// Reading stops until events have been handled.
    Paused,
    /// The stream ended, or failed, or the connection is shut.
    Ended,
}

/// A sync caller's own reply.
pub enum Own {
    /// At this place in the read buffer.
    InBuffer {
        status: i32,
        from: usize,
        len: usize,
    },
    Apart {
        status: i32,
        payload: Payload,
    },
}

/// A sync caller's interest in what it reads.
pub struct OwnCall<'a> {
    pub sequence: u32,
    pub reply: Option<Own>,
    /// It has ended without one.
    pub ended: bool,
    pub bound: Option<&'a mut Bound>,
}

impl OwnCall<'_> {
    fn waits(&self) -> bool {
        self.reply.is_none() && !self.ended
    }

    /// The buffer is needed again before the reply has been decoded.
    pub fn keep_reply(&mut self, buf: &[u8]) {
        if let Some(Own::InBuffer { status, from, len }) = self.reply {
            self.reply = Some(Own::Apart {
                status,
                payload: Payload::from_slice(&buf[from..from + len]),
            });
        }
    }
}

impl Conn {
    /// The loop's call: the socket is readable, writable or has hung up.
    fn ready(self: &Arc<Self>, ready: Ready, turn: &mut Turn<'_, Arc<Conn>>) {
        if ready.writable || ready.hangup {
            let flush = self.lock().proto.outbox.writable();
            if let Some(chunk) = flush {
                self.write_out(chunk);
            }
        }
        if ready.dead && self.is_at(Phase::Ending) {
            self.shut(Reason::Closed, None);
        }
        if !(ready.readable || ready.hangup) {
            return;
        }
        let Some(mut held) = self.reading.ask() else {
            return;
        };
        // A short read ends the turn, unless there is an end of the stream, or something behind
        // urgent data or a descriptor, to be found.
        let mut to_end = ready.hangup || ready.again || ready.urgent;
        to_end |= self.stops_short.load(Ordering::Relaxed);
        let mut budget = turn.budget();
        loop {
            let (got, claimed) = self.read_once(&mut held, turn.scratch, Wait::Not, None);
            if claimed {
                turn.found.push(Arc::clone(self));
            }
            budget = if held.many { 0 } else { budget - 1 };
            let more = matches!(got, Got::More) || (to_end && matches!(got, Got::Short));
            if more && budget > 0 {
                continue;
            }
            self.reap_if_dead(&held);
            held = match held.release() {
                // Whoever asked may have heard of a hang-up.
                Some(noted) if budget > 0 => noted,
                Some(noted) => {
                    let _ = self.put_off(noted);
                    turn.again(Arc::clone(self) as _);
                    break;
                }
                None => {
                    if more {
                        turn.again(Arc::clone(self) as _);
                    }
                    break;
                }
            };
            to_end = true;
        }
        self.promote_sleeper();
    }

    /// Reads once and takes in all frames. True: the lane was claimed, and has to be
    /// scheduled by the caller.
    pub(super) fn read_once(
        self: &Arc<Self>,
        held: &mut Held<'_, Reader>,
        buf: &mut Vec<u8>,
        wait: Wait,
        own: Option<&mut OwnCall<'_>>,
    ) -> (Got, bool) {
        let called = own.as_ref().is_some_and(|own| own.waits());
        if !called && self.is_resting(held) {
            self.look_for_life();
            return (Got::Paused, false);
        }
        let fd = self.fd();
        if fd < 0 || self.is_at(Phase::Ending) || self.is_past(Phase::Closing) {
            return (Got::Ended, false);
        }
        if buf.len() < READ_SIZE {
            buf.resize(READ_SIZE, 0);
        }
        if let Some(secure) = self.secure.get() {
            return self.read_sealed(secure, held, buf, wait, own);
        }
        let reader: &mut Reader = held;
        let direct = reader.decoder.direct();
        let (result, wanted, appended) = match direct {
            Some((body, room)) => {
                // Where memory is limited, it is looked after each piece.
                let limited = self.hub.config.memory_limit() > 0;
                let room = if limited { room.min(READ_SIZE) } else { room };
                (socket::recv_append(fd, body, room, wait), room, true)
            }
            None => {
                let room = reader.room();
                (socket::recv(fd, &mut buf[..room], wait), room, false)
            }
        };
        match result {
            Ok(0) => (self.stream_ended(fd), false),
            Ok(n) => {
                self.count_read(reader, fd);
                let chunk = (!appended).then(|| &buf[..n]);
                let (paused, claimed) = self.take_in(reader, chunk, own);
                if paused {
                    self.look_for_life();
                }
                let got = match (paused, n == wanted) {
                    (true, _) => Got::Paused,
                    (false, true) => Got::More,
                    (false, false) => Got::Short,
                };
                (got, claimed)
            }
            Err(Errno(libc::EINTR)) => (Got::More, false),
            Err(Errno(libc::EAGAIN)) => (self.nothing_there(), false),
            Err(e) => (self.failed("read", e), false),
        }
    }

    /// Something was read.
    #[inline]
    pub(super) fn count_read(&self, reader: &mut Reader, fd: i32) {
        if reader.reads % READS_PER_LOOK == 0 && self.hub.spin_limit().is_some() {
            reader.peer_here = self.shard().note_peer(fd);
        }
        reader.reads = reader.reads.wrapping_add(1);
    }

    /// True while reading has to wait until there is room: `State::settle` sees to it that it
    /// goes on then.
    fn is_resting(&self, reader: &mut Reader) -> bool {
        if reader.resting || self.hub.is_out_of_memory() {
            let mut st = self.lock();
            let rested = reader.resting;
            reader.resting = st.rests(self);
            if reader.resting && !rested {
                st.proto.counters.uncommon().reads_paused += 1;
            }
        }
        reader.resting
    }

    /// Where reading rests, the end of the stream is not seen. If it is the end of both
    /// directions, no reply can be sent, and none is waited for.
    pub(super) fn look_for_life(self: &Arc<Self>) {
        if self.is_at(Phase::Open) && socket::has_hung_up(self.fd()) {
            self.hung_up();
        }
    }

    pub(super) fn nothing_there(self: &Arc<Self>) -> Got {
        if !self.is_at(Phase::Failing) {
            return Got::Nothing;
        }
        // A send had failed, and all that had arrived before has been read.
        let failure = self.lock().proto.life.failure();
        self.failed("write", Errno(failure.unwrap_or(libc::EPIPE)))
    }

    pub(super) fn stream_ended(self: &Arc<Self>, fd: i32) -> Got {
        let mut out = Outputs::default();
        let mut st = self.lock();
        match st.proto.life.phase() {
            // Our own shutdown looks like the peer's; what waits is still sent.
            Phase::Closing => return Got::Nothing,
            Phase::Failing => {
                let (failure, cut) = (st.proto.life.failure(), st.input_cut);
                drop(st);
                // EPIPE says only that the peer does not read: how the stream ends tells more,
                // unless it was we who ended it. Any other error is told to the first who asks,
                // and not to the reader then.
                match failure {
                    Some(e) if cut || e != libc::EPIPE => return self.failed("write", Errno(e)),
                    _ => self.shut(Reason::Closed, None),
                }
                return Got::Ended;
            }
            _ => {}
        }
        let waiters = st.proto.end_input();
        self.publish(&st);
        self.clear_sleepers(&mut st);
        out.end_all(waiters, status::NETWORK_FAILURE);
        st.finish_sending(self, &mut out);
        let limits = self.hub.config.limits();
        out.claimed = st.proto.claim(&limits);
        drop(st);
        self.act(out);
        // A reset that came before this was not taken for one.
        if self.is_at(Phase::Ending) && socket::has_hung_up(fd) {
            self.shut(Reason::Closed, None);
        }
        Got::Ended
    }

    pub(super) fn failed(self: &Arc<Self>, what: &str, e: Errno) -> Got {
        self.shut(Reason::IoErr, Some(format!("{what} error: {}", text_of(e))));
        Got::Ended
    }

    /// Feeds what was read (None: it was appended to the partial frame) to the decoder, and acts
    /// on the frames. Returns (reading should pause, the lane was claimed).
    pub(super) fn take_in(
        self: &Arc<Self>,
        reader: &mut Reader,
        chunk: Option<&[u8]>,
        mut own: Option<&mut OwnCall<'_>>,
    ) -> (bool, bool) {
        let max = self.hub.config.max_buf_len();
        let now = self.hub.observer.time();
        let mut out = Outputs::default();
        let mut replies = false;
        let mut st = self.lock();
        if now > 0 {
            st.proto.begin_notes(Box::new(self.new_notes(now)));
        }
        let received = st.proto.counters.recv_bytes;
        let mut messages = 0;
        let state = &mut *st;
        let has_sleepers = &self.has_sleepers;
        let mut sink = |frame: Frame<'_>| {
            messages += 1;
            replies |= !frame.header.is_request();
            let mine = own.as_ref().map(|o| o.sequence);
            match state.proto.receive(frame, mine) {
                Handled::Done => {}
                Handled::Own { status, body } => {
                    let reply = match body {
                        Body::Slice(s) => Own::InBuffer {
                            status,
                            from: chunk.map_or(0, |c| offset_in(c, s)),
                            len: s.len(),
                        },
                        whole => Own::Apart {
                            status,
                            payload: whole.into_payload(),
                        },
                    };
                    if let Some(own) = own.as_mut() {
                        own.reply = Some(reply);
                    }
                }
                Handled::Other {
                    waiter,
                    status,
                    payload,
                } => {
                    // Off the list under the lock that takes its call out of the table, so
                    // that nobody promotes a caller that is done.
                    if !state.sleepers.is_empty() {
                        state.sleepers.retain(|s| !Arc::ptr_eq(s, &waiter));
                        has_sleepers.store(!state.sleepers.is_empty(), Ordering::SeqCst);
                    }
                    out.ended.push((waiter, Outcome { status, payload }));
                }
            }
        };
        match chunk {
            Some(bytes) => {
                let place = |header: &Header| self.hub.places.of(header);
                reader.decoder.feed(bytes, max, place, &mut sink);
            }
            None => reader.decoder.appended(&mut sink),
        }
        let notes = st.proto.end_notes();
        if st.proto.counters.recv_bytes != received {
            st.note_use();
        }
        st.note_partial(self, reader.decoder.held());
        st.charge(self);
        reader.many = messages > MANY && chunk.is_some_and(|c| c.len() / messages < SMALL);
        reader.unsolicited = !st.proto.is_solitary();
        let limits = self.hub.config.limits();
        let busy = st.proto.limit_input(&limits);
        if !busy.is_empty() {
            if let Some(own) = own {
                own.ended = own.reply.is_none();
            }
            self.clear_sleepers(&mut st);
            out.end_all(busy, status::BUSY);
        }
        let claimed = st.proto.claim(&limits);
        reader.resting = st.rests(self);
        if reader.resting {
            st.proto.counters.uncommon().reads_paused += 1;
            out.watch = st.begin_watch(self);
            // The runner's batch is shorter now.
            self.interrupt.store(true, Ordering::Release);
        }
        if replies {
            out.flush = st.proto.outbox.begin_flush();
        }
        let starved = st.proto.is_starved();
        drop(st);
        if let Some(notes) = notes {
            self.leave_notes(*notes);
        }
        self.act(out);
        if starved {
            self.failed("read", Errno(libc::ENOMEM));
        }
        (reader.resting, claimed)
    }

    /// After letting go of the right: one of the callers that sleep for it tries again.
    pub(super) fn promote_sleeper(&self) {
        if !self.has_sleepers.load(Ordering::SeqCst) {
            return;
        }
        let next = {
            let mut st = self.lock();
            let next = st.sleepers.pop();
            self.has_sleepers
                .store(!st.sleepers.is_empty(), Ordering::SeqCst);
            next
        };
        if let Some(waiter) = next {
            waiter.promote();
        }
    }

    /// Lets go of the right. What others asked for meanwhile is read first, within bounds; the
    /// loop reads the rest. The reply of the thread's `own` call may be in the buffer.
    pub(super) fn let_go(
        self: &Arc<Self>,
        mut held: Held<'_, Reader>,
        buf: &mut Vec<u8>,
        mut own: Option<&mut OwnCall<'_>>,
    ) {
        let mut budget = BUDGET;
        loop {
            self.reap_if_dead(&held);
            held = match held.release() {
                Some(noted) => noted,
                None => break,
            };
            loop {
                if let Some(own) = own.as_deref_mut() {
                    own.keep_reply(buf);
                }
                let (got, claimed) = self.read_once(&mut held, buf, Wait::Not, own.as_deref_mut());
                if claimed {
                    self.hub.schedule(Arc::clone(self));
                }
                if matches!(got, Got::Nothing | Got::Paused | Got::Ended) {
                    break;
                }
                budget -= 1;
                if budget == 0 {
                    let _ = self.put_off(held);
                    self.call_again();
                    return self.promote_sleeper();
                }
            }
        }
        self.promote_sleeper();
    }

    /// Reads what is there, within bounds, for the background. True: there is more.
    pub(super) fn read_some(self: &Arc<Self>, buf: &mut Vec<u8>) -> bool {
        let Some(mut held) = self.reading.try_take() else {
            return false;
        };
        let mut more = true;
        for _ in 0..BUDGET {
            let (got, claimed) = self.read_once(&mut held, buf, Wait::Not, None);
            if claimed {
                self.hub.schedule(Arc::clone(self));
            }
            more = !matches!(got, Got::Nothing | Got::Paused | Got::Ended);
            if !more {
                break;
            }
        }
        self.let_go(held, buf, None);
        more
    }
}

impl Source<Arc<Conn>> for Conn {
    fn on_ready(self: Arc<Self>, ready: Ready, turn: &mut Turn<'_, Arc<Conn>>) {
        self.ready(ready, turn);
    }

    fn on_settings(self: Arc<Self>) {
        self.apply_limits();
    }

    fn on_time(self: Arc<Self>, now: u64, turn: &mut Turn<'_, Arc<Conn>>) {
        self.expire(now, turn);
    }
}

/// Where `part`, which lies in `whole` unless it is empty, begins.
fn offset_in(whole: &[u8], part: &[u8]) -> usize {
    if part.is_empty() {
        return 0;
    }
    (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize)
}

pub(super) fn text_of(e: Errno) -> String {
    std::io::Error::from_raw_os_error(e.0).to_string()
}
