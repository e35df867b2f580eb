//! Calls that end before their replies: their time is up, they are cancelled, or too much waits.

use super::{Call, Connection};
use crate::proto::calls::Slot;
use crate::proto::event::Event;
use crate::proto::frame::Header;
use crate::proto::{status, terms};
use std::collections::VecDeque;

impl<S, A> Connection<S, A> {
    /// Whether one more call can have a key.
    pub fn has_key(&self) -> bool {
        self.terms.as_ref().is_none_or(|terms| terms.has_key())
    }

    /// Gives a call that was registered just now a deadline, which `expire` keeps, and with a
    /// `serial` that is not 0 a key, which is returned, to cancel it by.
    pub fn bound(&mut self, sequence: u32, deadline: u64, serial: u64) -> u64 {
        let terms = self.terms.get_or_insert_default();
        let (place, key) = terms.insert(sequence, deadline, serial);
        self.calls.note(sequence, place);
        key
    }

    /// When `expire` has something to do.
    pub fn poll_timeout(&self) -> u64 {
        let terms = self.terms.as_ref();
        terms.map_or(terms::NEVER, |terms| terms.first())
    }

    /// Ends up to `most` calls whose deadlines have come. The sync waiters are returned.
    pub fn expire(&mut self, now: u64, most: usize) -> Vec<S> {
        let mut waiters = Vec::new();
        for _ in 0..most {
            let Some(sequence) = self.terms.as_ref().and_then(|terms| terms.due(now)) else {
                break;
            };
            let ended = self.end_early(sequence, status::TIMEDOUT);
            waiters.extend(ended.flatten());
        }
        waiters
    }

    /// Cancels the call that has this key; None if there is none any more. The waiter of a sync
    /// call is returned.
    pub fn cancel(&mut self, key: u64) -> Option<Option<S>> {
        let sequence = self.terms.as_ref()?.find(key)?;
        self.end_early(sequence, status::CANCELLED)
    }

    /// Ends a call before its reply; None if it has ended. A sync call's waiter is returned, an
    /// async call's callback is queued.
    #[cold]
    pub fn end_early(&mut self, sequence: u32, status: i32) -> Option<Option<S>> {
        let Slot { note, waiter, .. } = self.calls.remove(sequence)?;
        if note != terms::NONE {
            self.forget_terms(note);
        }
        match self.outbox.take_back(sequence) {
            Some(len) => {
                self.counters.send_bytes -= len as u64;
                self.counters.uncommon().calls_unsent += 1;
            }
            None => {
                self.late = self.late.saturating_add(1);
                self.outbox.answered();
            }
        }
        match status {
            status::TIMEDOUT => self.counters.uncommon().calls_timed_out += 1,
            status::CANCELLED => self.counters.uncommon().calls_cancelled += 1,
            _ => {
                self.counters.uncommon().calls_failed += 1;
                self.counters.uncommon().busy += 1;
            }
        }
        Some(match waiter {
            Call::Sync { waiter, .. } => {
                self.syncs -= 1;
                Some(waiter)
            }
            Call::Async { call, .. } => {
                self.early += 1;
                self.push(Event::Early { call, status });
                None
            }
        })
    }

    /// A call that has a note, its place among the terms, was taken out of the table.
    #[cold]
    #[inline(never)]
    pub(super) fn forget_terms(&mut self, place: u32) {
        if let Some(terms) = &mut self.terms {
            terms.remove(place);
        }
    }

    /// The reply to a call that ended without it; an answer to a message is none.
    #[cold]
    pub(super) fn is_late(&self, header: &Header) -> bool {
        let sequence = header.sequence;
        let given = self.late > 0 && header.cmd >= 0 && self.calls.was_given(sequence);
        given && !self.is_outstanding(sequence)
    }

    /// What no bound counts in the lane is in a runner's hands now.
    #[cold]
    pub(super) fn take_early(&mut self, first: &Event<A>, batch: &VecDeque<Event<A>>) {
        let more = count(batch);
        self.taken -= more;
        self.early -= more + u32::from(first.is_early());
    }
}

/// How many of them no bound counts.
pub(super) fn count<A>(batch: &VecDeque<Event<A>>) -> u32 {
    batch.iter().filter(|event| event.is_early()).count() as u32
}

#[cfg(test)]
mod tests {
    use super::super::tests::{events, few_events, frame, open};
    use super::*;
    use crate::proto::frame::{Body, Frame, Refused, HEADER_LEN};
    use crate::proto::life::Reason;
    use crate::proto::terms::NEVER;

    type C = super::super::tests::C;

    fn post(c: &mut C, name: &'static str, deadline: u64, serial: u64) -> (u32, u64) {
        let sequence = c.call(Call::Async {
            cmd: 1,
            made: 0,
            call: name,
        });
        let key = c.bound(sequence, deadline, serial);
        (sequence, key)
    }

    /// As the sender does: in place.
    fn leaves(c: &mut C) {
        assert!(c.outbox.begin_direct(1));
        c.count_sent(HEADER_LEN);
        assert!(c.outbox.wrote_direct(Vec::new(), false).is_none());
    }

    #[test]
    fn deadlines_end_calls_in_their_order_and_only_then() {
        let mut c = open();
        assert_eq!(c.poll_timeout(), NEVER);
        post(&mut c, "late", 30, 0);
        post(&mut c, "soon", 10, 0);
        let (answered, _) = post(&mut c, "answered", 20, 0);
        post(&mut c, "never", NEVER, 1);
        assert_eq!(c.poll_timeout(), 10);
        assert!(c.expire(9, 99).is_empty() && events(&mut c).is_empty());
        c.receive(frame(answered, 0, 1, b""), None);
        assert!(c.expire(35, 1).is_empty());
        assert_eq!(c.poll_timeout(), 30);
        assert!(c.expire(35, 99).is_empty());
        assert_eq!(c.poll_timeout(), NEVER);
        assert_eq!(events(&mut c), ["answered 0", "soon -7", "late -7"]);
        assert!(c.has_async_calls(), "one is for ever");
    }

    #[test]
    fn a_key_cancels_once_and_only_what_is_outstanding() {
        let mut c = open();
        let (sequence, key) = post(&mut c, "x", NEVER, 7);
        let (_, other) = post(&mut c, "y", NEVER, 8);
        let waits = c.call(Call::Sync {
            cmd: 1,
            made: 0,
            waiter: "w",
        });
        let sync = c.bound(waits, NEVER, 9);
        assert_eq!((c.cancel(0), c.cancel(key + (1 << 30))), (None, None));
        assert_eq!(c.cancel(key), Some(None));
        assert_eq!(c.cancel(key), None);
        assert_eq!(c.cancel(sync), Some(Some("w")));
        assert_eq!(c.shut(Reason::Closed), Some(vec![]));
        assert_eq!(c.cancel(other), None, "it has failed");
        assert_eq!(events(&mut c), ["x -8", "y -6", "Closed"]);
        assert!(!c.is_outstanding(sequence));
    }

    #[test]
    fn a_late_reply_is_dropped_without_a_word_and_the_next_is_not() {
        let mut c = open();
        let (a, _) = post(&mut c, "a", 10, 0);
        leaves(&mut c);
        let (b, key) = post(&mut c, "b", NEVER, 3);
        leaves(&mut c);
        assert!(c.expire(10, 9).is_empty());
        assert_eq!(c.cancel(key), Some(None));
        assert_eq!(c.outbox.on_wire(), 0, "nothing is waited for");
        assert_eq!(events(&mut c), ["a -7", "b -8"]);
        // Too long, or malformed: it is late all the same.
        let header = Header {
            sequence: a,
            status: 0,
            cmd: 1,
            len: 9,
        };
        for body in [Body::Coming, Body::Refused(Refused::TooLong), Body::Skipped] {
            c.receive(Frame { header, body }, None);
        }
        assert_eq!(c.late, 1);
        c.receive(frame(b.wrapping_add(1), 0, 1, b""), None);
        assert_eq!(
            (c.late, events(&mut c).len()),
            (1, 1),
            "a number not yet given"
        );
        c.receive(frame(b, 5, 9, b"abcd"), None);
        assert_eq!((c.late, events(&mut c).len()), (0, 0));
        c.receive(frame(b, 0, 1, b""), None);
        assert_eq!(events(&mut c), ["ioerr"]);
    }

    #[test]
    fn what_has_not_begun_to_leave_is_neither_sent_nor_late() {
        let mut c = open();
        let (sequence, _) = post(&mut c, "x", 10, 0);
        let header = Header {
            sequence,
            status: status::PENDING,
            cmd: 1,
            len: 0,
        };
        c.outbox.append(&header.to_bytes(), &[], 1, false);
        c.count_sent(HEADER_LEN);
        assert!(c.expire(10, 9).is_empty());
        assert_eq!((c.late, c.outbox.len()), (0, 0));
        assert_eq!((c.counters.send_bytes, c.counters.send_msgs()), (0, 0));
        assert_eq!(events(&mut c), ["x -7"]);
    }

    #[test]
    fn no_bound_counts_the_callbacks_of_calls_that_ended_early() {
        let (mut c, limits) = (open(), few_events());
        let mut batch = VecDeque::new();
        for _ in 0..10 {
            post(&mut c, "x", 10, 0);
        }
        for sequence in 0..3 {
            c.receive(frame(sequence, status::PENDING, -4, b""), None);
        }
        assert!(c.expire(10, 99).is_empty());
        assert!(c.limit_input(&limits).is_empty() && !c.is_paused());
        assert_eq!(c.load().events, 3);
        assert!(c.claim(&limits));
        assert!(c.begin_events(5, &mut batch, &limits).is_some());
        assert_eq!(c.load().events, 2, "two messages of the batch");
        batch.drain(..3);
        c.finish_events(&mut batch);
        assert_eq!((c.load().events, c.early), (0, 9));
        assert!(c.claim(&limits) && c.begin_events(99, &mut batch, &limits).is_some());
        batch.clear();
        c.finish_events(&mut batch);
        assert_eq!((c.load().events, c.early), (0, 0));
        for sequence in 0..4 {
            c.receive(frame(sequence, status::PENDING, -4, b""), None);
        }
        assert!(c.limit_input(&limits).is_empty() && c.is_paused());
    }

    #[test]
    fn a_busy_call_that_has_not_begun_to_leave_is_not_sent() {
        let (mut c, limits) = (open(), few_events());
        let mut names = Vec::new();
        for _ in 0..2 {
            let sequence = c.call(Call::Sync {
                cmd: 1,
                made: 0,
                waiter: "w",
            });
            let header = Header {
                sequence,
                status: status::PENDING,
                cmd: 1,
                len: 0,
            };
            c.count_sent(HEADER_LEN);
            if !c.outbox.begin_direct(1) {
                c.outbox.append(&header.to_bytes(), &[], 1, true);
            }
        }
        for sequence in 0..64 {
            c.receive(frame(sequence, status::PENDING, -4, b""), None);
        }
        names.extend(c.limit_input(&limits));
        assert_eq!((names.len(), c.late, c.outbox.len()), (2, 1, 0));
    }
}
