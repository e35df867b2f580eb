//! The sending side: who writes, what is gathered, and when it leaves.
//!
//! A frame goes out in place when nothing is queued and nobody writes. Else it is appended,
//! and leaves with the writer under way, with the next reply that is read, at the end of a
//! batch of events, or with the background, which is rung for where none of these is due. If
//! one is due, but a handler or the peer takes its time, the background's tick sends.

use super::receive::text_of;
use super::{AsyncCall, Conn, State};
use crate::error::Errno;
use crate::local;
use crate::proto::connection::Call;
use crate::proto::outbox::{Chunk, GATHER};
use crate::proto::phase::Phase;
use crate::sync::{race_point, MutexGuard};
use crate::sys::socket;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A one-way message this soon after the last one that was sent in place is gathered.
const GAP: Duration = Duration::from_micros(50);
/// An application thread that has this much queued waits for the peer, until it is down to
/// the second figure ...
const FULL: usize = 1 << 20;
const ROOM: usize = 512 << 10;
/// ... unless the peer reads nothing at all for this long: then the queue grows.
const PATIENCE: Duration = Duration::from_millis(20);

/// Why a send failed.
#[derive(Debug, PartialEq, Eq)]
pub enum SendError {
    NeverConnected,
    Closed,
    NoMemory,
}

/// What is being sent; the frame's header is complete but for a call's sequence number.
pub enum Kind {
    Async(AsyncCall),
    Message,
    Reply,
}

/// What a writer leaves behind.
enum Left {
    Nothing,
    /// Bytes that were appended meanwhile and are not ripe.
    Dirty,
    /// A closing connection has sent everything.
    Drained,
    /// The connection ended meanwhile.
    Dead,
}

/// What decides whether a message is gathered.
#[derive(Default)]
pub struct Pace {
    last_in_place: Option<Instant>,
    /// Bytes that left the outbox.
    sent: u64,
    /// The peer read nothing while we waited for it: do not wait again until it does.
    stalled: bool,
}

impl Conn {
    /// Sends a frame of `kind`, or queues it; never waits for the peer in an event handler.
    pub fn send(self: &Arc<Self>, kind: Kind, frame: &mut [u8]) -> Result<(), SendError> {
        let in_batch = local::is_in_batch(Arc::as_ptr(self).addr());
        let mut st = self.open_state()?;
        let in_place = !in_batch
            && match kind {
                Kind::Async(_) => st.proto.outbox.on_wire() == 0,
                Kind::Message => st.pace.is_due(),
                Kind::Reply => true,
            };
        let urgent = in_place && matches!(kind, Kind::Reply);
        let direct = in_place && st.proto.outbox.is_free();
        if !direct && !st.proto.outbox.reserve(frame.len()) {
            return Err(SendError::NoMemory);
        }
        let (calls, sequence) = match kind {
            Kind::Async(call) => {
                if self.is_lent() {
                    self.take_back(&mut st);
                }
                let cmd = call.cmd;
                (1, Some(st.proto.call(Call::Async { cmd, call })))
            }
            Kind::Message => (0, Some(st.proto.message())),
            Kind::Reply => (0, None),
        };
        if let Some(sequence) = sequence {
            frame[..4].copy_from_slice(&sequence.to_be_bytes());
        }
        st.proto.count_sent(frame.len());
        let watch = self.begin_watch(&mut st);
        if in_place && st.proto.outbox.begin_direct(calls) {
            drop(st);
            self.write_direct(&[frame]);
            if watch {
                self.list_watched();
            }
            return Ok(());
        }
        st.proto.outbox.append(frame, calls, urgent);
        let flush = if in_place
            || urgent
            || (!in_batch && st.proto.outbox.is_ripe())
            || st.proto.outbox.len() >= GATHER
        {
            st.proto.outbox.begin_flush()
        } else {
            None
        };
        let dirty = flush.is_none() && st.proto.outbox.mark_dirty();
        let expected = in_batch || (calls > 0 && st.proto.outbox.on_wire() > 0);
        let full = st.proto.outbox.len() > FULL && !st.pace.stalled;
        drop(st);
        if let Some(chunk) = flush {
            self.write_out(chunk);
        } else if dirty {
            self.hub.gathered(Arc::clone(self), expected);
        }
        if watch {
            self.list_watched();
        }
        if full && !local::is_handling() {
            self.wait_for_room();
        }
        Ok(())
    }

    /// The state, if something may be sent.
    pub(super) fn open_state(&self) -> Result<MutexGuard<'_, State>, SendError> {
        let st = self.lock();
        st.proto.check_open()?;
        if self.broken.load(Ordering::SeqCst) {
            return Err(SendError::Closed);
        }
        Ok(st)
    }

    /// Sends a frame from its sender's own memory; `begin_direct` was granted.
    pub(super) fn write_direct(self: &Arc<Self>, pieces: &[&[u8]]) {
        let fd = self.fd();
        let total: usize = pieces.iter().map(|p| p.len()).sum();
        let mut sent = 0;
        race_point();
        while sent < total {
            match send_from(fd, pieces, sent) {
                Ok(n) => sent += n,
                Err(Errno(libc::EINTR)) => {}
                Err(Errno(libc::EAGAIN)) => break,
                Err(e) => return self.write_failed(e),
            }
        }
        let Some(rest) = rest_of(pieces, sent) else {
            // Torn: half of the frame has left.
            return self.write_failed(Errno(libc::ENOMEM));
        };
        let (next, left) = {
            let mut st = self.lock();
            let next = if st.proto.life.phase() >= Phase::Shut {
                None
            } else {
                st.proto.outbox.wrote_direct(rest)
            };
            self.leave(&mut st, next)
        };
        match next {
            Some(chunk) => self.write_out(chunk),
            None => self.after_write(left),
        }
    }

    /// Sends queued bytes until none are ripe or the socket blocks.
    pub(super) fn write_out(self: &Arc<Self>, first: Chunk) {
        let fd = self.fd();
        let mut next = Some(first);
        while let Some(mut chunk) = next {
            race_point();
            let start = chunk.at;
            while chunk.at < chunk.bytes.len() {
                match socket::send(fd, &chunk.bytes[chunk.at..]) {
                    Ok(n) => chunk.at += n,
                    Err(Errno(libc::EINTR)) => {}
                    Err(Errno(libc::EAGAIN)) => break,
                    Err(e) => return self.write_failed(e),
                }
            }
            let sent = chunk.at - start;
            let mut st = self.lock();
            let more = if st.proto.life.phase() >= Phase::Shut {
                None
            } else {
                st.pace.sent = st.pace.sent.wrapping_add(sent as u64);
                st.pace.stalled &= sent == 0;
                st.proto.outbox.wrote(chunk, sent)
            };
            let left;
            (next, left) = self.leave(&mut st, more);
            drop(st);
            if next.is_none() {
                self.after_write(left);
            }
        }
    }

    /// The writer is through unless there is more: a dead connection's outbox is given up, a
    /// closing one's sent to the last byte.
    fn leave(&self, st: &mut State, more: Option<Chunk>) -> (Option<Chunk>, Left) {
        if more.is_some() {
            return (more, Left::Nothing);
        }
        match st.proto.life.phase() {
            Phase::Closing => match st.proto.outbox.begin_flush() {
                None if st.proto.is_drained() => (None, Left::Drained),
                more => (more, Left::Nothing),
            },
            p if p >= Phase::Shut => {
                st.proto.outbox.abandon();
                (None, Left::Dead)
            }
            _ if st.proto.outbox.mark_dirty() => (None, Left::Dirty),
            _ => (None, Left::Nothing),
        }
    }

    /// What a writer still has to do when it is through.
    fn after_write(self: &Arc<Self>, left: Left) {
        match left {
            Left::Nothing => {}
            Left::Dirty => self.hub.gathered(Arc::clone(self), false),
            Left::Drained => self.shut_if_drained(),
            Left::Dead => self.reap(),
        }
    }

    /// A send failed. What the peer sent before is still read; then the reader, which the
    /// loop calls for it, ends the connection.
    fn write_failed(self: &Arc<Self>, e: Errno) {
        self.broken.store(true, Ordering::SeqCst);
        let closing = {
            let mut st = self.lock();
            st.proto.outbox.abandon();
            // EPIPE says only that the peer does not read: how the stream ends tells more.
            // Any other error is told to the first who asks, and not to the reader then.
            if e != Errno(libc::EPIPE) {
                st.write_error = Some(e);
            }
            // A sync caller looks at `broken` after it has said that it waits.
            let waits = st.proto.life.phase() == Phase::Open && self.waiting.load(Ordering::SeqCst);
            if waits && socket::end_waiting(self.fd()) {
                st.write_error = Some(e);
                st.read_shut = true;
            }
            st.proto.life.phase() == Phase::Closing
        };
        if closing {
            self.shut(crate::proto::phase::Reason::User, Some(text_of(e)));
        }
        self.reap();
        self.hub.reactor.again(Arc::clone(self) as _);
    }

    /// The background flushes what was gathered and nobody sent.
    pub fn flush(self: &Arc<Self>) {
        let chunk = {
            let mut st = self.lock();
            st.proto.outbox.unmark_dirty();
            st.proto.outbox.begin_flush()
        };
        if let Some(chunk) = chunk {
            self.write_out(chunk);
        }
    }

    /// Waits while the peer reads more slowly than the calling thread sends. Memory stays
    /// bounded; a peer that reads nothing for `PATIENCE` does not hold up the caller again.
    fn wait_for_room(self: &Arc<Self>) {
        let fd = {
            let mut st = self.lock();
            st.throttled += 1;
            self.fd()
        };
        let mut before = None;
        loop {
            let flush = {
                let mut st = self.lock();
                let room = st.proto.outbox.len() <= ROOM;
                if fd < 0 || room || st.proto.life.phase() != Phase::Open {
                    break;
                }
                let sent = Some(st.pace.sent);
                if std::mem::replace(&mut before, sent) == sent {
                    st.pace.stalled = true;
                    break;
                }
                st.proto.outbox.writable()
            };
            if let Some(chunk) = flush {
                self.write_out(chunk);
            }
            socket::wait_writable(fd, Some(PATIENCE));
        }
        let ended = {
            let mut st = self.lock();
            st.throttled -= 1;
            st.proto.life.phase() >= Phase::Shut
        };
        if ended {
            self.reap();
        }
    }
}

impl Pace {
    /// True if a message may go out in place: the last one that did is a while ago.
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.last_in_place.is_none_or(|t| now - t > GAP);
        if due {
            self.last_in_place = Some(now);
        }
        due
    }
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
