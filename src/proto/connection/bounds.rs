//! What waits on a connection, against its bounds: see `flow`.

use super::{Call, Connection, Event};
use crate::proto::flow::{Limits, Load};
use crate::proto::status;

impl<S, A> Connection<S, A> {
    pub fn load(&self) -> Load {
        Load {
            events: self.lane.len() + self.taken as usize - self.early as usize,
            event_bytes: self.queued_bytes + self.taken_bytes,
            requests: if self.can_answer() {
                self.unanswered()
            } else {
                0
            },
            reply_bytes: self.outbox.replies(),
        }
    }

    /// Requests that nobody can answer any more are not waited for.
    pub(super) fn can_answer(&self) -> bool {
        self.check_open(false).is_ok()
    }

    /// After frames were taken in: whether reading stops. Too much, even for a sync call that
    /// waits: the sync calls end, and are to be told that the limit is reached.
    #[must_use]
    pub fn limit_input(&mut self, limits: &Limits) -> Vec<S> {
        let load = self.load();
        if !load.is_over(limits) {
            return Vec::new();
        }
        self.paused = true;
        if self.syncs == 0 || !load.is_far_over(limits) {
            return Vec::new();
        }
        let syncs = |call: &Call<S, A>| matches!(call, Call::Sync { .. });
        let ended = self.calls.numbers_if(syncs).into_iter();
        ended
            .filter_map(|sequence| self.end_early(sequence, status::BUSY).flatten())
            .collect()
    }

    /// Reading has stopped, or would but for sync calls, or somebody waits for room to send.
    #[inline]
    pub fn is_constrained(&self) -> bool {
        self.paused || self.room_wanted
    }

    /// Nothing more may be taken in, whoever waits.
    pub fn is_far_over(&self, limits: &Limits) -> bool {
        self.load().is_far_over(limits)
    }

    /// What comes is kept, and no sync caller waits, whose reply may be behind it.
    pub fn is_bounded(&self) -> bool {
        self.life.takes_frames() && self.syncs == 0
    }

    /// True while nothing more is read.
    pub fn is_paused(&self) -> bool {
        self.paused && self.is_bounded()
    }

    /// Reading has stopped because of replies that the peer does not take.
    pub fn is_stuck(&self, limits: &Limits) -> bool {
        self.paused && self.outbox.replies() > limits.reply_bytes / 2
    }

    /// True, once, if paused reading can go on.
    #[must_use]
    pub fn resume(&mut self, limits: &Limits) -> bool {
        // Who sends no more is answered all the same: what leaves is told of until then.
        let waits = self.can_answer() && self.owes_too_much(limits.reply_bytes);
        let drops = !self.life.takes_frames() && !waits;
        let resume = self.paused && (drops || self.load().has_room(limits));
        self.paused &= !resume;
        resume
    }

    /// The peer does not take the replies that there are.
    pub fn owes_too_much(&self, reply_limit: usize) -> bool {
        self.outbox.replies() > reply_limit
    }

    /// The next event is a request, and waits: as many are being handled as may be, or replies wait
    /// that the peer does not take.
    pub(super) fn is_gated(&self, limits: &Limits) -> bool {
        let handled = self.unanswered.saturating_sub(self.queued_requests);
        let all = limits.requests > 0 && handled as usize >= limits.requests;
        (all || self.owes_too_much(limits.reply_bytes))
            && self.can_answer()
            && self.lane.front().is_some_and(Event::is_request)
    }

    /// As `is_gated`; what leaves then is told of.
    pub(super) fn gate(&mut self, limits: &Limits) -> bool {
        let gated = self.is_gated(limits);
        self.paused |= gated && self.owes_too_much(limits.reply_bytes);
        gated
    }
}
