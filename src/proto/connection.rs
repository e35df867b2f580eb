//! One connection's protocol state: life, outstanding calls, outbox, events, bounds, counters.
//!
//! Pure. Every method mutates and returns what the caller has to do after it has unlocked.

use super::calls::Calls;
use super::counters::Counters;
use super::event::Event;
use super::flow::Limits;
use super::frame::Body;
use super::lane::Lane;
use super::life::{Life, Phase, Reason};
use super::outbox::Outbox;
use super::payload::Payload;
use super::status;
use super::step::Notes;
use super::terms::Terms;
use std::collections::VecDeque;

mod bounds;
mod early;
mod input;

/// Sync replies in a row after which a connection counts as one that carries nothing else.
const SOLITARY: u32 = 64;

/// An outstanding call: `S` is a sync caller's waiter, `A` an async call's callback. `made`: when,
/// in nanoseconds, if somebody watches; else 0.
pub enum Call<S, A> {
    Sync { cmd: i32, made: u64, waiter: S },
    Async { cmd: i32, made: u64, call: A },
}

pub struct Connection<S, A> {
    pub life: Life,
    pub outbox: Outbox,
    pub counters: Counters,
    /// There while frames are taken in and somebody watches.
    notes: Option<Box<Notes>>,
    lane: Lane<Event<A>>,
    calls: Calls<Call<S, A>>,
    /// Of those that may end before their replies; apart, as hardly any connection has one.
    terms: Option<Box<Terms>>,
    /// Events that a runner took out and has not begun, and the bytes of their payloads.
    taken: u32,
    taken_bytes: usize,
    taken_requests: u32,
    /// Bytes of the payloads in the lane.
    queued_bytes: usize,
    /// Requests in the lane, and those that have not been answered at all.
    queued_requests: u32,
    unanswered: u32,
    /// Events in the lane that no bound counts.
    early: u32,
    /// Reading stopped until there is room.
    paused: bool,
    /// A send was refused for want of room.
    room_wanted: bool,
    /// Sync calls outstanding.
    syncs: u32,
    /// Calls that ended without their replies, which may still come.
    late: u32,
    /// Sync replies since something else came in.
    solitary: u32,
    /// A header has been seen.
    begun: bool,
    /// The set drains: what begins from now on is refused, in both directions.
    draining: bool,
    /// There was no memory for an event.
    starved: bool,
}

impl<S, A> Default for Connection<S, A> {
    fn default() -> Connection<S, A> {
        Connection {
            life: Life::default(),
            outbox: Outbox::default(),
            counters: Counters::default(),
            notes: None,
            lane: Lane::default(),
            calls: Calls::default(),
            terms: None,
            taken: 0,
            taken_bytes: 0,
            taken_requests: 0,
            queued_bytes: 0,
            queued_requests: 0,
            unanswered: 0,
            early: 0,
            paused: false,
            room_wanted: false,
            syncs: 0,
            late: 0,
            solitary: SOLITARY,
            begun: false,
            draining: false,
            starved: false,
        }
    }
}

/// What a frame meant to the calls that wait.
pub enum Handled<'a, S> {
    /// Queued as an event, or dropped.
    Done,
    /// The reply to the sync call of the thread that reads.
    Own { status: i32, body: Body<'a> },
    /// Another thread's sync call ended.
    Other {
        waiter: S,
        status: i32,
        payload: Payload,
    },
}

/// Why a send was refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    NeverConnected,
    Closed,
}

impl<S, A> Connection<S, A> {
    /// Whether a frame may be sent; `call`: one that wants a reply.
    pub fn check_open(&self, call: bool) -> Result<(), Refusal> {
        match self.life.phase() {
            Phase::New | Phase::Opening => Err(Refusal::NeverConnected),
            Phase::Open if !(call && self.draining) => Ok(()),
            Phase::Ending if !call => Ok(()),
            _ => Err(Refusal::Closed),
        }
    }

    /// Whether a call or message of `len` bytes may be queued; what finds nothing waiting is.
    pub fn has_room(&self, len: usize, limits: &Limits) -> bool {
        let waits = self.outbox.others();
        limits.send_bytes == 0 || waits == 0 || waits + len <= limits.send_bytes
    }

    /// A send was refused for want of room, here or in the whole set.
    pub fn want_room(&mut self) {
        self.counters.uncommon().busy += 1;
        self.room_wanted = true;
    }

    pub fn wants_room(&self) -> bool {
        self.room_wanted
    }

    /// Queues the event that tells of room, once after it was wanted.
    pub fn note_room(&mut self, limits: &Limits) {
        let room = limits.send_bytes == 0 || self.outbox.others() <= limits.send_bytes / 2;
        if self.room_wanted && room && self.check_open(false).is_ok() {
            self.room_wanted = false;
            self.push(Event::Room);
        }
    }

    /// Registers a call and returns its number.
    pub fn call(&mut self, call: Call<S, A>) -> u32 {
        match call {
            Call::Sync { .. } => self.syncs += 1,
            // Its reply, too, is for others than a sync caller.
            Call::Async { .. } => self.solitary = 0,
        }
        self.counters.calls_made += 1;
        self.calls.insert(call)
    }

    /// The number of a one-way message: one that no call has, so that an answer to it, which
    /// some peers send, is taken for none to a call.
    #[inline]
    pub fn message(&mut self) -> u32 {
        self.counters.messages_sent += 1;
        self.calls.number()
    }

    /// A request is being replied to; `refused`: no handler got it.
    pub fn answer(&mut self, refused: bool) {
        if refused {
            self.counters.uncommon().requests_refused += 1;
        } else {
            self.counters.requests_answered += 1;
        }
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    pub fn unanswered(&self) -> usize {
        self.unanswered as usize
    }

    /// Calls that have not ended.
    pub fn outstanding(&self) -> usize {
        self.calls.len()
    }

    /// Requests that wait for a dispatcher: at most one too many, while a batch is being run.
    /// `kept`: how many of the unanswered ones do not.
    pub fn waiting(&self, kept: usize) -> usize {
        let taken_in = (self.queued_requests + self.taken_requests) as usize;
        taken_in.min(self.unanswered().saturating_sub(kept))
    }

    pub fn is_outstanding(&self, sequence: u32) -> bool {
        self.calls.get(sequence).is_some()
    }

    /// Nothing is outstanding in either direction, and nothing is under way.
    pub fn is_idle(&self) -> bool {
        let asked = self.calls.len() == 0 && self.unanswered == 0;
        asked && self.lane.is_idle() && self.outbox.is_free()
    }

    pub fn has_async_calls(&self) -> bool {
        self.calls.len() > self.syncs as usize
    }

    /// True if a sync caller may expect to be the only one who is interested in what comes.
    pub fn is_solitary(&self) -> bool {
        self.solitary >= SOLITARY && !self.has_async_calls()
    }

    // --- events

    /// True, once, if there are events to run and nobody carries the lane.
    #[must_use]
    pub fn claim(&mut self, limits: &Limits) -> bool {
        !self.gate(limits) && self.lane.claim()
    }

    pub fn hold_events(&mut self) {
        self.lane.hold();
    }

    /// False if they were not held.
    #[must_use]
    pub fn unhold_events(&mut self) -> bool {
        self.lane.unhold()
    }

    /// Starts to run events; see `Lane::begin`.
    pub fn begin_events(
        &mut self,
        more: usize,
        batch: &mut VecDeque<Event<A>>,
        limits: &Limits,
    ) -> Option<Event<A>> {
        if self.gate(limits) {
            self.lane.put_down();
            return None;
        }
        let more = more.min(self.longest_batch(limits));
        let first = self.lane.begin(more, batch)?;
        self.queued_bytes -= first.weight();
        self.queued_requests -= u32::from(first.is_request());
        self.taken = batch.len() as u32;
        if self.early > 0 {
            self.take_early(&first, batch);
        }
        let (bytes, requests) = if self.lane.is_empty() {
            (self.queued_bytes, self.queued_requests)
        } else {
            weigh(batch)
        };
        self.queued_bytes -= bytes;
        self.queued_requests -= requests;
        self.taken_bytes = bytes;
        self.taken_requests = requests;
        Some(first)
    }

    /// Events that may run before it has to be looked whether reading goes on, less the first.
    fn longest_batch(&self, limits: &Limits) -> usize {
        let load = self.load();
        if limits.requests > 0 {
            0
        } else if !self.paused {
            usize::MAX
        } else if load.event_bytes > limits.event_bytes / 2 {
            0
        } else {
            load.events.saturating_sub(limits.events / 2 + 1)
        }
    }

    /// Gives back what was not run; see `Lane::give_back`.
    pub fn finish_events(&mut self, batch: &mut VecDeque<Event<A>>) {
        self.taken = 0;
        self.taken_bytes = 0;
        self.taken_requests = 0;
        if !batch.is_empty() {
            let (bytes, requests) = weigh(batch);
            self.queued_bytes += bytes;
            self.queued_requests += requests;
            self.early += early::count(batch);
        }
        self.lane.give_back(batch);
    }

    pub fn accepted(&mut self, from: Vec<u8>) {
        self.push(Event::Accept(from));
    }

    /// An attempt to connect has ended, with 0 or an errno.
    pub fn connected(&mut self, errno: i32) {
        self.push(Event::Connect(errno));
    }

    /// A connection that was closed before it was opened is at its end.
    pub fn end_unopened(&mut self) {
        if self.life.phase() == Phase::Opening {
            self.life.mute();
            self.life.advance(Phase::Gone, Some(Reason::User));
        }
    }

    /// A frame was lost, as there was no memory for its event: the connection can't go on.
    pub fn is_starved(&self) -> bool {
        self.starved
    }

    fn push(&mut self, event: Event<A>) {
        self.queued_bytes += event.weight();
        self.lane.push(event);
    }

    /// Counts the bytes of a frame that was queued or is about to be sent.
    pub fn count_sent(&mut self, len: usize) {
        self.counters.send_bytes += len as u64;
    }

    /// The user closes: mutes the lane and fails what is outstanding. The sync waiters are
    /// returned, to be woken with NETWORK_FAILURE.
    pub fn close(&mut self) -> Result<Vec<S>, CloseError> {
        if self.life.phase() <= Phase::Opening {
            return Err(CloseError::NeverConnected);
        }
        if self.life.is_muted() {
            return Err(CloseError::Already);
        }
        self.life.mute();
        if self.life.advance(Phase::Closing, Some(Reason::User)) {
            Ok(self.fail_calls())
        } else {
            Ok(Vec::new())
        }
    }

    /// The peer sends no more. Our calls fail; the sync waiters are returned. If requests of its
    /// are unanswered, they can still be answered; else, as `is_drained` says, this is the end.
    pub fn end_input(&mut self) -> Vec<S> {
        if self.life.advance(Phase::Ending, Some(Reason::Closed)) {
            self.fail_calls()
        } else {
            Vec::new()
        }
    }

    // --- draining

    /// From now on requests are refused, messages dropped, and no call of ours is made.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Nothing is left of a draining connection: our side ends. False if something is.
    #[must_use]
    pub fn part(&mut self) -> bool {
        self.draining
            && self.life.phase() == Phase::Open
            && self.is_idle()
            && self.life.advance(Phase::Parting, None)
    }

    /// The socket is dead, or a closing connection has sent all: nothing will come or go any
    /// more. Queues the callbacks of outstanding calls and, last, the disconnect event; the
    /// sync waiters are returned. None if that had been done before.
    pub fn shut(&mut self, reason: Reason) -> Option<Vec<S>> {
        if !self.life.advance(Phase::Shut, Some(reason)) {
            return None;
        }
        if !self.outbox.is_writing() {
            self.outbox.abandon();
        } else {
            self.outbox.clear();
        }
        let waiters = self.fail_calls();
        self.push(Event::Disconnect(self.life.reason()));
        Some(waiters)
    }

    /// True if the connection may end: all has been sent, and nothing is left to be.
    pub fn is_drained(&self) -> bool {
        let done = match self.life.phase() {
            Phase::Closing => true,
            Phase::Ending => self.unanswered == 0,
            _ => false,
        };
        done && self.outbox.is_empty() && !self.outbox.is_writing()
    }

    fn fail_calls(&mut self) -> Vec<S> {
        let mut waiters = Vec::new();
        self.syncs = 0;
        if self.calls.len() > 0 {
            self.counters.uncommon().calls_failed += self.calls.len() as u64;
        }
        self.terms = None;
        for call in self.calls.drain() {
            match call {
                Call::Sync { waiter, .. } => waiters.push(waiter),
                Call::Async { call, .. } => self.push(Event::Reply {
                    call,
                    status: status::NETWORK_FAILURE,
                    payload: Payload::empty(),
                }),
            }
        }
        waiters
    }
}

/// The bytes of their payloads, and how many of them are requests.
fn weigh<A>(batch: &VecDeque<Event<A>>) -> (usize, u32) {
    batch.iter().fold((0, 0), |(bytes, requests), event| {
        let is_request = u32::from(event.is_request());
        (bytes + event.weight(), requests + is_request)
    })
}

#[derive(Debug, PartialEq, Eq)]
pub enum CloseError {
    NeverConnected,
    Already,
}

#[cfg(test)]
pub mod tests;
