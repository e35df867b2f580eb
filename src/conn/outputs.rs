//! What a change of a connection's state leaves to be done without its lock: one list, acted on
//! in one place.

use super::{Conn, State};
use crate::proto::life::{Phase, Reason};
use crate::proto::outbox::Chunk;
use crate::proto::payload::Payload;
use crate::waiter::{Outcome, Waiter};
use std::sync::Arc;

#[must_use]
#[derive(Default)]
pub(super) struct Outputs {
    /// Sync calls that have ended.
    pub ended: Vec<(Arc<Waiter>, Outcome)>,
    /// The lane was claimed: its events have to be brought to a dispatcher.
    pub claimed: bool,
    /// Bytes to send.
    pub flush: Option<Chunk>,
    /// Bytes are left that nobody but the background will send.
    pub left: bool,
    /// Paused reading goes on.
    pub resumed: bool,
    /// Time concerns the connection from now on.
    pub watch: bool,
    /// All has been sent: the connection ends.
    pub drained: bool,
    /// It ended while its writer was under way: the descriptor may be closed.
    pub reap: bool,
}

impl Outputs {
    /// Sync calls that end with `status` and no payload.
    pub fn end_all(&mut self, waiters: Vec<Arc<Waiter>>, status: i32) {
        self.ended.extend(waiters.into_iter().map(|waiter| {
            let payload = Payload::empty();
            (waiter, Outcome { status, payload })
        }));
    }

    pub fn wake_ended(&mut self) {
        for (waiter, outcome) in self.ended.drain(..) {
            waiter.complete(outcome);
        }
    }
}

impl Conn {
    #[inline]
    pub(super) fn act(self: &Arc<Self>, mut out: Outputs) {
        if !out.ended.is_empty() {
            out.wake_ended();
        }
        if out.claimed {
            self.hub.schedule(Arc::clone(self));
        }
        if out.resumed {
            self.call_again();
        }
        if out.watch {
            self.list_watched();
        }
        if let Some(chunk) = out.flush {
            self.write_out(chunk);
        } else if out.left {
            self.add_dirty(false);
        }
        if out.drained {
            self.shut(Reason::User, None);
        }
        if out.reap {
            self.reap();
        }
    }
}

impl State {
    /// What follows from a change of what waits: events to run, reading that goes on.
    pub(super) fn settle(&mut self, conn: &Conn, out: &mut Outputs) {
        let limits = conn.hub.config.limits();
        if self.proto.wants_room() && !conn.hub.is_out_of_memory() {
            self.proto.note_room(&limits);
        }
        out.claimed |= self.proto.claim(&limits);
        out.resumed |= self.proto.resume(&limits);
        if self.proto.is_constrained() {
            out.watch |= self.begin_watch(conn);
        }
        self.charge(conn);
        if self.starved && !self.must_starve(conn) {
            self.starved = false;
            out.resumed = true;
        }
    }

    /// After bytes have left, or were given up; `next` is what the writer goes on with.
    pub(super) fn settle_sent(&mut self, conn: &Conn, next: Option<Chunk>) -> Outputs {
        self.note_use();
        let mut out = Outputs {
            flush: next,
            ..Outputs::default()
        };
        if self.proto.is_constrained() || self.starved {
            self.settle(conn, &mut out);
        } else {
            self.charge(conn);
        }
        if out.flush.is_some() {
            return out;
        }
        match self.proto.life.phase() {
            Phase::Closing | Phase::Ending => self.finish_sending(conn, &mut out),
            phase if phase >= Phase::Shut => {
                self.proto.outbox.abandon();
                out.reap = true;
            }
            _ => out.left = self.proto.outbox.list(),
        }
        out
    }

    /// Nothing but what waits is sent any more: ends the connection after it.
    pub(super) fn finish_sending(&mut self, conn: &Conn, out: &mut Outputs) {
        out.flush = self.proto.outbox.begin_flush();
        if out.flush.is_none() {
            out.drained = self.proto.is_drained();
            // The peer has to take it, or a handler to answer.
            out.watch |= !out.drained && self.begin_watch(conn);
        }
    }
}
