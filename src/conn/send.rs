//! The sending side: who writes, what is gathered, and when it leaves.
//!
//! A frame goes out in place when nothing is queued and nobody writes. Else it is appended,
//! and leaves with the writer under way, with the next reply that is read, at the end of a
//! batch of events, or with the background, which is rung for where none of these is due. If
//! one is due, but a handler or the peer takes its time, the background's tick sends.

use super::early::Terms;
use super::outputs::Outputs;
use super::{AsyncCall, Conn, State};
use crate::error::Errno;
use crate::local;
use crate::proto::connection::{Call, Refusal};
use crate::proto::life::{Phase, Reason};
use crate::proto::outbox::{Chunk, GATHER};
use crate::proto::step::What;
use crate::proto::terms::NEVER;
use crate::sync::{race_point, MutexGuard, Ordering};
use crate::sys::socket;
use std::sync::Arc;

/// Why a send failed.
#[derive(Debug, PartialEq, Eq)]
pub enum SendError {
    NeverConnected,
    Closed,
    /// A limit is reached.
    Busy,
    NoMemory,
}

impl From<Refusal> for SendError {
    fn from(r: Refusal) -> SendError {
        match r {
            Refusal::NeverConnected => SendError::NeverConnected,
            Refusal::Closed => SendError::Closed,
        }
    }
}

/// What is being sent; the frame's header is complete but for a call's sequence number.
pub enum Kind<'a> {
    Async(AsyncCall, Terms<'a>),
    Message,
    /// `began`: when the handler was called, if somebody watches; else 0.
    Reply {
        began: u64,
    },
    /// A reply that says that there is no handler, or none that can be called.
    Refusal,
}

/// Frames up to this are queued without asking whether there is memory.
const SMALL: usize = 4096;

impl Conn {
    /// Sends a frame of `kind`, or queues it; never waits for the peer in an event handler.
    /// `pieces` follow `frame`, which begins with the header. Made anew for each kind, which is
    /// known where it is called.
    #[inline(always)]
    pub fn send(
        self: &Arc<Self>,
        kind: Kind<'_>,
        frame: &mut [u8],
        pieces: &[&[u8]],
    ) -> Result<(), SendError> {
        let result = if self.hub.observer.watches() {
            self.send_watched(kind, frame, pieces)
        } else {
            self.send_or_queue(false, kind, frame, pieces).map(drop)
        };
        self.hub.observer.tell();
        result
    }

    #[cold]
    fn send_watched(
        self: &Arc<Self>,
        kind: Kind<'_>,
        frame: &mut [u8],
        pieces: &[&[u8]],
    ) -> Result<(), SendError> {
        let (what, began) = match kind {
            Kind::Async(..) => (What::RequestOut, 0),
            Kind::Message => (What::MessageOut, 0),
            Kind::Reply { began } => (What::Answered, began),
            Kind::Refusal => (What::Refused, 0),
        };
        let now = self.send_or_queue(true, kind, frame, pieces)?;
        self.tell_sent(what, frame, now, began);
        Ok(())
    }

    /// Gives the time of it, if that is wanted.
    #[inline(always)]
    fn send_or_queue(
        self: &Arc<Self>,
        watched: bool,
        kind: Kind<'_>,
        frame: &mut [u8],
        pieces: &[&[u8]],
    ) -> Result<u64, SendError> {
        let len = frame_len(frame, pieces);
        let in_batch = local::is_in_batch(Arc::as_ptr(self).addr());
        let special = self.hub.config.is_special();
        let reply = matches!(kind, Kind::Reply { .. } | Kind::Refusal);
        let deadline = match &kind {
            Kind::Async(_, terms) => Conn::deadline(terms),
            _ => NEVER,
        };
        let mut st = self.lock();
        st.proto.check_open(matches!(kind, Kind::Async(..)))?;
        if special && !reply {
            st = self.make_room(st, len)?;
            st.proto.check_open(matches!(kind, Kind::Async(..)))?;
        }
        let in_place = !in_batch
            && match kind {
                Kind::Async(..) => st.proto.outbox.on_wire() == 0,
                Kind::Message => st.pace.is_due(),
                Kind::Reply { .. } | Kind::Refusal => true,
            };
        let urgent = in_place && reply;
        let direct = in_place && st.proto.outbox.is_free();
        if !direct && len > SMALL && !st.proto.outbox.reserve(len) {
            return Err(SendError::NoMemory);
        }
        let mut time = None;
        let now = if watched {
            self.sending_time(&mut st, reply)
        } else {
            0
        };
        let (calls, sequence) = match kind {
            Kind::Async(call, terms) => {
                if terms.key.is_some() {
                    st.check_key()?;
                }
                self.take_back(&mut st);
                let (cmd, made) = (call.cmd, now);
                let sequence = st.proto.call(Call::Async { cmd, made, call });
                if !terms.is_none() {
                    st.bound(sequence, deadline, &terms);
                    time = st.next_time();
                }
                (1, Some(sequence))
            }
            Kind::Message => (0, Some(st.proto.message())),
            Kind::Reply { .. } | Kind::Refusal => {
                st.proto.answer(matches!(kind, Kind::Refusal));
                (0, None)
            }
        };
        if let Some(sequence) = sequence {
            frame[..4].copy_from_slice(&sequence.to_be_bytes());
        }
        st.proto.count_sent(len);
        // Also where a limit that stopped something is no more.
        let special = special || st.proto.is_constrained();
        if direct && st.proto.outbox.begin_direct(calls) {
            drop(st);
            self.write_frame(frame, pieces, reply);
            if let Some(time) = time {
                self.ask_for_time(time);
            }
            if special {
                self.after_special();
            }
            return Ok(now);
        }
        if reply {
            st.proto.outbox.append_reply(frame, pieces, urgent);
            self.bound_replies(&st);
        } else {
            st.proto.outbox.append(frame, pieces, calls, urgent);
        }
        let outbox = &mut st.proto.outbox;
        let due = in_place || urgent || (!in_batch && outbox.is_ripe()) || outbox.len() >= GATHER;
        let flush = if due { outbox.begin_flush() } else { None };
        let left = flush.is_none() && outbox.list();
        let expected = in_batch || (calls > 0 && outbox.on_wire() > 0);
        let queued = outbox.len();
        let full = st.is_full(self, queued);
        drop(st);
        if let Some(chunk) = flush {
            self.write_out(chunk);
        } else if left {
            self.add_dirty(expected);
        }
        if let Some(time) = time {
            self.ask_for_time(time);
        }
        if special {
            self.after_special();
        }
        if full && !local::is_handling() {
            self.wait_for_room();
        }
        Ok(now)
    }

    /// After a send, where settings want to know of it.
    #[cold]
    pub(super) fn after_special(self: &Arc<Self>) {
        let mut out = Outputs::default();
        {
            let mut st = self.lock();
            st.settle(self, &mut out);
            out.watch |= st.begin_watch(self);
        }
        self.act(out);
    }

    /// Sees that a call or message may be queued: what was gathered leaves first. The lock may have
    /// been let go of.
    pub(super) fn make_room<'a>(
        self: &'a Arc<Self>,
        mut st: MutexGuard<'a, State>,
        len: usize,
    ) -> Result<MutexGuard<'a, State>, SendError> {
        if self.has_room(&st, len) {
            return Ok(st);
        }
        if let Some(chunk) = st.proto.outbox.begin_flush() {
            drop(st);
            self.write_out(chunk);
            st = self.lock();
            if self.has_room(&st, len) {
                return Ok(st);
            }
        }
        st.proto.want_room();
        Err(SendError::Busy)
    }

    fn has_room(&self, st: &State, len: usize) -> bool {
        st.proto.has_room(len, &self.hub.config.limits()) && !self.hub.is_out_of_memory()
    }

    /// Sends a frame from its sender's own memory; `begin_direct` was granted.
    pub(super) fn write_frame(self: &Arc<Self>, frame: &[u8], pieces: &[&[u8]], reply: bool) {
        if pieces.is_empty() {
            self.write_direct(&[frame], reply);
        } else {
            let mut all: Vec<&[u8]> = vec![frame];
            all.extend_from_slice(pieces);
            self.write_direct(&all, reply);
        }
    }

    fn write_direct(self: &Arc<Self>, pieces: &[&[u8]], reply: bool) {
        let fd = self.fd();
        let total: usize = pieces.iter().map(|p| p.len()).sum();
        let mut sent = 0;
        race_point();
        while sent < total {
            let put = match self.secure.get() {
                None => send_from(fd, pieces, sent),
                Some(secure) => secure.send(fd, pieces, sent),
            };
            match put {
                Ok(n) => {
                    sent += n;
                    if sent < total && local::is_late() {
                        break;
                    }
                }
                Err(Errno(libc::EINTR)) => {}
                Err(Errno(libc::EAGAIN)) => break,
                Err(e) => return self.write_failed(e),
            }
        }
        let rest = if sent == total {
            Vec::new()
        } else if let Some(rest) = rest_of(pieces, sent) {
            rest
        } else {
            // Torn: half of the frame has left.
            return self.write_failed(Errno(libc::ENOMEM));
        };
        let left = self.secure.get().map(|secure| secure.left());
        let out = {
            let mut st = self.lock();
            let next = if st.proto.life.phase() >= Phase::Shut {
                None
            } else {
                let outbox = &mut st.proto.outbox;
                let next = match left {
                    None => outbox.wrote_direct(rest, reply),
                    Some((_, control)) => outbox.wrote_sealed(rest, reply, control),
                };
                if sent < total {
                    let begun = left.map_or(0, |(begun, _)| begun as usize);
                    st.partly_sent(next, sent + begun)
                } else {
                    next
                }
            };
            let out = st.settle_sent(self, next);
            if reply {
                self.bound_replies(&st);
            }
            out
        };
        self.act(out);
    }

    /// Sends queued bytes until none are ripe or the socket blocks.
    pub(super) fn write_out(self: &Arc<Self>, first: Chunk) {
        let fd = self.fd();
        let mut next = Some(first);
        while let Some(mut chunk) = next {
            race_point();
            let start = chunk.at;
            let mut late = false;
            while (chunk.at < chunk.bytes.len() || chunk.control) && !late {
                let bytes = &chunk.bytes[chunk.at..];
                let put = match self.secure.get() {
                    None => socket::send(fd, bytes),
                    Some(secure) => {
                        secure.send_chunk(fd, bytes, &mut chunk.begun, &mut chunk.control)
                    }
                };
                match put {
                    Ok(n) => {
                        chunk.at += n;
                        late = local::is_late();
                    }
                    Err(Errno(libc::EINTR)) => {}
                    Err(Errno(libc::EAGAIN)) => break,
                    Err(e) => return self.write_failed(e),
                }
            }
            let sent = chunk.at - start;
            let mut out = {
                let mut st = self.lock();
                let more = if st.proto.life.phase() >= Phase::Shut {
                    None
                } else {
                    let next = st.proto.outbox.wrote(chunk, sent);
                    st.next_of_writer(next, late)
                };
                st.settle_sent(self, more)
            };
            next = out.flush.take();
            self.act(out);
        }
    }

    /// After a reply that may have to wait: over the limit, the batch under way has to end.
    #[inline]
    fn bound_replies(&self, st: &State) {
        if st.proto.owes_too_much(self.hub.config.reply_limit()) {
            self.interrupt.store(true, Ordering::Release);
        }
    }

    /// The socket takes nothing any more; a writer under way will hear of it by itself.
    pub(super) fn hung_up(self: &Arc<Self>) {
        let st = self.lock();
        if !st.proto.outbox.is_writing() {
            self.sending_failed(st, Errno(libc::EPIPE));
        }
    }

    fn write_failed(self: &Arc<Self>, e: Errno) {
        self.sending_failed(self.lock(), e);
    }

    /// A send failed. What the peer sent before is still read; then the reader, which the
    /// loop calls for it, ends the connection.
    fn sending_failed(self: &Arc<Self>, mut st: MutexGuard<'_, State>, e: Errno) {
        let mut out = Outputs {
            resumed: true,
            ..Outputs::default()
        };
        st.proto.outbox.abandon();
        st.proto.life.fail(e.0);
        self.publish(&st);
        st.settle(self, &mut out);
        let failing = st.proto.life.phase() == Phase::Failing;
        // A sync caller looks at the phase after it has said that it waits.
        if failing && self.reading.is_waiting() && socket::end_waiting(self.fd()) {
            st.input_cut = true;
        }
        drop(st);
        // Only of a connection that ended meanwhile: while there is something to read, a note for
        // the reader must find nobody who holds the right to close.
        out.reap = !failing;
        if !failing {
            // All that was left to do was to send: the first reason stands.
            self.shut(Reason::IoErr, None);
        }
        self.act(out);
    }

    /// The background flushes what was gathered and nobody sent.
    pub fn flush(self: &Arc<Self>) {
        let mut out = Outputs::default();
        {
            let mut st = self.lock();
            st.proto.outbox.unlist();
            out.flush = st.proto.outbox.begin_flush();
        }
        self.act(out);
    }
}

impl State {
    /// What the writer of a direct frame, of which this much has left, goes on with.
    #[cold]
    fn partly_sent(&mut self, next: Option<Chunk>, sent: usize) -> Option<Chunk> {
        if sent == 0 {
            self.proto.outbox.took_nothing();
        }
        self.next_of_writer(next, local::is_late())
    }

    /// What a writer goes on with: nothing if its time is up.
    fn next_of_writer(&mut self, next: Option<Chunk>, late: bool) -> Option<Chunk> {
        if late {
            self.proto.outbox.hand_over(next);
            return None;
        }
        next
    }
}

/// The length of a frame whose header and first bytes `pieces` follow.
pub fn frame_len(frame: &[u8], pieces: &[&[u8]]) -> usize {
    frame.len() + pieces.iter().map(|p| p.len()).sum::<usize>()
}

fn send_from(fd: i32, pieces: &[&[u8]], sent: usize) -> crate::error::Result<usize> {
    if let [only] = pieces {
        return socket::send(fd, &only[sent..]);
    }
    let mut skip = sent;
    let mut left: Vec<&[u8]> = Vec::with_capacity(pieces.len());
    for p in pieces {
        let cut = skip.min(p.len());
        skip -= cut;
        if cut < p.len() {
            left.push(&p[cut..]);
        }
    }
    socket::send_vectored(fd, &left)
}

/// A copy of what was not sent; None without memory.
fn rest_of(pieces: &[&[u8]], sent: usize) -> Option<Vec<u8>> {
    let mut skip = sent;
    let mut rest = Vec::new();
    let total: usize = pieces.iter().map(|p| p.len()).sum();
    rest.try_reserve_exact(total - sent).ok()?;
    for p in pieces {
        let cut = skip.min(p.len());
        skip -= cut;
        rest.extend_from_slice(&p[cut..]);
    }
    Some(rest)
}
