//! The decoder and one connection's protocol state beside a model: a stream cut anywhere, with
//! everything between its pieces that can be asked of a connection.

#![no_main]
// A copy of it, as this target sees it.
#![allow(dead_code)]

#[path = "../../../src/proto/mod.rs"]
mod proto;

mod model;

use libfuzzer_sys::fuzz_target;
use minirpc_fuzz::{pattern, Choices};
use model::{Event, Model, Queued};
use proto::connection::{Call, CloseError, Connection, Handled, Refusal};
use proto::event::Event as Real;
use proto::flow::{Limits, DEFAULT};
use proto::frame::{Body, Decoder, Frame, Header};
use proto::life::{Phase, Reason};
use proto::outbox::Chunk;
use proto::payload::{Arrived, Payload};
use proto::{status, terms};
use std::collections::VecDeque;

/// A call is known by its place in the model's list.
type Tested = Connection<usize, usize>;

struct Run {
    real: Tested,
    decoder: Decoder,
    model: Model,
    max: u32,
    limits: Limits,
    /// What the peer has sent and the network has not brought.
    coming: Vec<u8>,
    batch: VecDeque<Real<usize>>,
    /// Requests that a handler was given.
    handled: Vec<(u32, i32)>,
    ended: Vec<model::Ended>,
    /// What a thread is sending.
    flight: Option<Chunk>,
    now: u64,
}

fn bytes(payload: &mut Payload) -> Vec<u8> {
    match payload.arrived() {
        Arrived::Slice(bytes) => bytes.to_vec(),
        Arrived::Long(long) => [long.head, long.rest].concat(),
    }
}

fn seen(event: &mut Real<usize>) -> Event {
    match event {
        Real::Accept(_) => unreachable!("nobody accepts here"),
        Real::Connect(errno) => Event::Connect(*errno),
        Real::Request {
            sequence,
            cmd,
            payload,
            ..
        } => Event::Request(*sequence, *cmd, bytes(payload)),
        Real::Refused {
            sequence,
            cmd,
            late,
        } => Event::Refused(*sequence, *cmd, *late),
        Real::Reply {
            call,
            status,
            payload,
        } => Event::Reply(*call, *status, bytes(payload)),
        Real::Early { call, status } => Event::Early(*call, *status),
        Real::IoErr(text) => Event::IoErr(text.clone()),
        Real::Room => Event::Room,
        Real::Disconnect(reason) => Event::Disconnect(*reason),
    }
}

impl Run {
    fn new(choices: &mut Choices<'_>) -> Run {
        let small = Limits {
            events: 3,
            event_bytes: 60,
            requests: choices.below(3),
            reply_bytes: 40,
            send_bytes: 50,
        };
        let mut run = Run {
            real: Connection::default(),
            decoder: Decoder::default(),
            model: Model::new(),
            max: choices.pick(&[16384, 40, 4, 0]),
            limits: if choices.flag() { small } else { DEFAULT },
            coming: Vec::new(),
            batch: VecDeque::new(),
            handled: Vec::new(),
            ended: Vec::new(),
            flight: None,
            now: 1000,
        };
        run.open(choices.below(4));
        run
    }

    /// So many attempts fail before.
    fn open(&mut self, failures: usize) {
        let open = Err(Refusal::NeverConnected);
        for errno in 1..=failures as i32 {
            assert_eq!(self.real.check_open(true), open);
            assert_eq!(self.real.close(), Err(CloseError::NeverConnected));
            assert!(self.real.life.begin_opening());
            assert!(!self.real.life.begin_opening());
            self.real.connected(errno);
            self.model.events.push(Event::Connect(errno));
            self.real.life.give_up_opening();
        }
        assert!(self.real.life.advance(Phase::Open, None));
        self.model.phase = Phase::Open;
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.below(26) {
            0..=3 => self.peer_sends(choices),
            4..=7 => {
                let most = choices.length();
                self.bring(most, choices);
            }
            8 => self.peer_sends_anything(choices),
            9..=11 => self.call(choices),
            12 => self.say(choices),
            13 => self.claim(),
            14 => self.begin(choices.below(5)),
            15 => self.finish(choices.below(5)),
            16 => self.answer(choices),
            17 => self.flush(choices),
            18 => self.write(choices),
            19 => self.time_passes(choices),
            20 => self.cancel(choices),
            21 => self.look_at_bounds(),
            22 => self.hold(choices.flag()),
            23 => self.room(choices),
            24 => self.drain(choices),
            _ => self.end(choices),
        }
        self.compare();
    }

    // --- the peer

    fn peer_sends(&mut self, choices: &mut Choices<'_>) {
        let mut header = Header {
            sequence: u32::from(choices.byte()),
            status: status::PENDING,
            cmd: 1 + choices.below(4) as i32,
            len: choices.length() as u32,
        };
        match choices.below(6) {
            0 => header.cmd -= 1,
            1 => header.cmd = -header.cmd,
            _ if self.model.calls.is_empty() => {}
            kind => {
                let call = choices.below(self.model.calls.len().min(256));
                let call = &self.model.calls[call];
                header.sequence = call.sequence;
                header.status = choices.pick(&[0, 0, 0, -2, 7]);
                if kind > 2 {
                    header.cmd = call.cmd;
                }
                if kind == 5 {
                    header.len = 0;
                }
            }
        }
        self.coming.extend(header.to_bytes());
        let payload = pattern(header.len as usize, header.cmd as u8);
        self.coming.extend(payload);
    }

    fn peer_sends_anything(&mut self, choices: &mut Choices<'_>) {
        let len = choices.length();
        self.coming.extend(choices.bytes(len));
    }

    /// The network brings bytes, which are read as the library reads them.
    fn bring(&mut self, most: usize, choices: &mut Choices<'_>) {
        let mine = choices.byte();
        let mine = self.model.calls.get(usize::from(mine));
        let own = mine.filter(|call| call.sync).map(|call| call.sequence);
        let most = most.min(self.coming.len());
        let mut piece: Vec<u8> = self.coming.drain(..most).collect();
        let (real, ended) = (&mut self.real, &mut self.ended);
        let numbers: Vec<u32> = self.model.calls.iter().map(|call| call.sequence).collect();
        let mut sink = |frame: Frame<'_>| match real.receive(frame, own) {
            Handled::Done => {}
            Handled::Own { status, body } => {
                let id = numbers.iter().position(|n| Some(*n) == own).unwrap();
                let payload = match body {
                    Body::Slice(bytes) => bytes.to_vec(),
                    Body::Owned(bytes) => bytes,
                    Body::Long(long) => [long.head, long.rest].concat(),
                    _ => panic!("a reply without its payload"),
                };
                ended.push((id, status, payload));
            }
            Handled::Other {
                waiter,
                status,
                mut payload,
            } => {
                assert_ne!(own, Some(numbers[waiter]));
                ended.push((waiter, status, bytes(&mut payload)));
            }
        };
        self.model.receive(&piece, self.max);
        if let Some((body, room)) = self.decoder.direct() {
            let direct: Vec<u8> = piece.drain(..room.min(piece.len())).collect();
            body.extend(direct);
            self.decoder.appended(&mut sink);
        }
        // As with a socket, of which nothing is read is not fed.
        if !piece.is_empty() {
            self.decoder.feed(&piece, self.max, |_| 0, &mut sink);
        }
        assert_eq!(self.decoder.is_idle(), self.model.is_between_frames());
    }

    // --- the application

    fn call(&mut self, choices: &mut Choices<'_>) {
        let kinds = choices.byte();
        let (sync, deadline, key) = (kinds & 1 != 0, kinds & 2 != 0, kinds & 4 != 0);
        let cmd = 1 + choices.below(4) as i32;
        let open = self.model.phase == Phase::Open && !self.model.draining;
        let closed = self.real.check_open(true) == Err(Refusal::Closed);
        assert_eq!(closed, !open);
        if closed {
            return;
        }
        let id = self.model.call(cmd, sync);
        let made = 0;
        let sequence = self.real.call(if sync {
            let waiter = id;
            Call::Sync { cmd, made, waiter }
        } else {
            let call = id;
            Call::Async { cmd, made, call }
        });
        assert_eq!(sequence, self.model.calls[id].sequence);
        if deadline || key {
            // No two are the same.
            let at = self.now + (u64::from(choices.byte()) << 16 | id as u64);
            let deadline = if deadline { at } else { terms::NEVER };
            let serial = if key { id as u64 + 1 } else { 0 };
            assert!(self.real.has_key());
            let call = &mut self.model.calls[id];
            call.key = self.real.bound(sequence, deadline, serial);
            call.deadline = Some(deadline).filter(|at| *at != terms::NEVER);
            assert_eq!(call.key != 0, key);
        }
        self.send(sequence, status::PENDING, cmd, Some(id), choices);
    }

    fn say(&mut self, choices: &mut Choices<'_>) {
        let open = self.model.is_open_to_replies();
        assert_eq!(self.real.check_open(false).is_ok(), open);
        if open {
            let sequence = self.real.message();
            assert_eq!(sequence, self.model.number());
            self.model.counters.messages_sent += 1;
            self.send(sequence, status::PENDING, -3, None, choices);
        }
    }

    fn answer(&mut self, choices: &mut Choices<'_>) {
        if self.handled.is_empty() || !self.model.is_open_to_replies() {
            return;
        }
        let (sequence, cmd) = self
            .handled
            .swap_remove(choices.below(self.handled.len().min(256)));
        let refused = choices.below(4) == 0;
        self.real.answer(refused);
        self.model.unanswered -= 1;
        if refused {
            self.model.counters.uncommon().requests_refused += 1;
        } else {
            self.model.counters.requests_answered += 1;
        }
        self.send(sequence, status::OK, cmd, None, choices);
    }

    // --- sending

    fn send(
        &mut self,
        sequence: u32,
        status: i32,
        cmd: i32,
        call: Option<usize>,
        choices: &mut Choices<'_>,
    ) {
        let len = choices.length();
        let header = Header {
            sequence,
            status,
            cmd,
            len: len as u32,
        };
        let mut frame = header.to_bytes().to_vec();
        frame.extend(pattern(len, sequence as u8));
        let reply = status != status::PENDING;
        let calls = u32::from(call.is_some());
        self.real.count_sent(frame.len());
        self.model.counters.send_bytes += frame.len() as u64;
        self.model.outbox.push(Queued {
            bytes: frame.clone(),
            call,
            reply,
        });
        let how = choices.byte();
        let outbox = &mut self.real.outbox;
        if how & 1 == 0 && outbox.begin_direct(calls) {
            assert_eq!(self.model.outbox.len(), 1);
            let sent = match how & 6 {
                0 => frame.len(),
                2 => 0,
                _ => choices.length().min(frame.len()),
            };
            let next = outbox.wrote_direct(frame.split_off(sent), reply);
            if sent == 0 {
                outbox.took_nothing();
            }
            assert!(next.is_none(), "nobody came meanwhile");
            self.model.left(sent);
        } else {
            let urgent = how & 2 == 0;
            assert!(outbox.reserve(frame.len()));
            if reply {
                outbox.append_reply(&frame, &[], urgent);
            } else {
                outbox.append(&frame, &[], calls, urgent);
            }
        }
    }

    fn flush(&mut self, choices: &mut Choices<'_>) {
        let outbox = &mut self.real.outbox;
        let next = match choices.below(3) {
            0 => outbox.begin_flush(),
            1 => outbox.begin_flush_of_all(),
            _ => outbox.writable(),
        };
        if next.is_some() {
            assert!(self.flight.is_none(), "two send at once");
            self.take_off(next);
        }
    }

    fn take_off(&mut self, next: Option<Chunk>) {
        if let Some(chunk) = &next {
            let bytes = &chunk.bytes[chunk.at..];
            assert!(self.model.queued().starts_with(bytes));
            self.model.busy = bytes.len();
        }
        self.flight = next;
    }

    fn write(&mut self, choices: &mut Choices<'_>) {
        let Some(mut chunk) = self.flight.take() else {
            return;
        };
        self.model.busy = 0;
        if self.model.phase >= Phase::Shut {
            self.real.outbox.abandon();
            return;
        }
        let left = chunk.bytes.len() - chunk.at;
        let sent = if choices.flag() {
            left
        } else {
            choices.length().min(left)
        };
        self.model.left(sent);
        chunk.at += sent;
        if sent < left && choices.flag() {
            // A transport has taken more than has left.
            chunk.begun = choices.length().min(left - sent) as u32;
            self.model.busy = chunk.begun as usize;
        }
        if choices.below(8) == 0 {
            // Its time is up.
            let next = self.real.outbox.wrote(chunk, sent);
            self.real.outbox.hand_over(next);
            return;
        }
        let next = self.real.outbox.wrote(chunk, sent);
        if next.is_some() {
            self.take_off(next);
        }
    }

    // --- events

    fn claim(&mut self) {
        let replies = self.real.outbox.replies();
        let model = &mut self.model;
        let free = !model.carried && model.running.is_none() && model.held == 0;
        let can = !model.gate(&self.limits, replies) && free && !model.events.is_empty();
        assert_eq!(self.real.claim(&self.limits), can);
        model.carried |= can;
    }

    fn begin(&mut self, more: usize) {
        if !std::mem::take(&mut self.model.carried) {
            return;
        }
        let replies = self.real.outbox.replies();
        let first = self.real.begin_events(more, &mut self.batch, &self.limits);
        let model = &mut self.model;
        let gated = model.gate(&self.limits, replies);
        let can = !gated && model.held == 0 && !model.events.is_empty();
        assert_eq!(first.is_some(), can);
        let Some(mut first) = first else { return };
        let count = 1 + self.batch.len();
        assert!(count <= 1 + more && (self.limits.requests == 0 || count == 1));
        let taken: Vec<Event> = model.events.drain(..count).collect();
        assert_eq!(seen(&mut first), taken[0]);
        let batch = self.batch.iter_mut().map(seen);
        assert!(batch.eq(taken[1..].iter().cloned()));
        self.handle(&taken[0]);
        self.model.running = Some(taken);
    }

    fn handle(&mut self, event: &Event) {
        match event {
            Event::Request(sequence, cmd @ 0.., _) | Event::Refused(sequence, cmd, _) => {
                self.handled.push((*sequence, *cmd));
            }
            _ => {}
        }
    }

    fn finish(&mut self, more: usize) {
        let Some(mut taken) = self.model.running.take() else {
            return;
        };
        let more = more.min(self.batch.len());
        self.batch.drain(..more);
        for event in &taken[1..1 + more] {
            self.handle(event);
        }
        self.real.finish_events(&mut self.batch);
        self.batch.clear();
        let back = taken.drain(1 + more..);
        self.model.events.splice(0..0, back);
    }

    fn hold(&mut self, on: bool) {
        if on {
            self.real.hold_events();
            self.model.held += 1;
        } else {
            assert_eq!(self.real.unhold_events(), self.model.held > 0);
            self.model.held = self.model.held.saturating_sub(1);
        }
    }

    // --- time, bounds, ends

    fn time_passes(&mut self, choices: &mut Choices<'_>) {
        self.now += u64::from(choices.byte()) << 16;
        let most = choices.pick(&[99, 1, 2]);
        let waiters = self.real.expire(self.now, most);
        self.note(waiters, status::TIMEDOUT);
        self.model.expire(self.now, most);
    }

    fn cancel(&mut self, choices: &mut Choices<'_>) {
        if self.model.calls.is_empty() {
            assert!(self.real.cancel(0).is_none());
            return;
        }
        let id = choices.below(self.model.calls.len().min(256));
        let call = &self.model.calls[id];
        let can = call.key != 0 && call.outstanding;
        let cancelled = self.real.cancel(call.key);
        assert_eq!(cancelled.is_some(), can);
        if can {
            self.note(cancelled.flatten(), status::CANCELLED);
            self.model.end_early(id, status::CANCELLED);
        }
    }

    fn note(&mut self, waiters: impl IntoIterator<Item = usize>, status: i32) {
        let ended = waiters.into_iter().map(|id| (id, status, Vec::new()));
        self.ended.extend(ended);
    }

    fn look_at_bounds(&mut self) {
        let replies = self.real.outbox.replies();
        let (limits, (events, bytes, requests)) = (self.limits, self.model.load());
        let reaches = |times: usize| {
            events >= limits.events * times
                || bytes >= limits.event_bytes * times
                || (limits.requests > 0 && requests >= limits.requests * times)
                || replies > limits.reply_bytes * times
        };
        let (over, far) = (reaches(1), reaches(16));
        let room = events <= limits.events / 2
            && bytes <= limits.event_bytes / 2
            && (limits.requests == 0 || requests < limits.requests)
            && replies <= limits.reply_bytes / 2;
        assert_eq!(self.real.is_far_over(&limits), far);
        let waiters = self.real.limit_input(&limits);
        self.note(waiters, status::BUSY);
        self.model.paused |= over;
        if far {
            for id in 0..self.model.calls.len() {
                let call = &self.model.calls[id];
                if call.outstanding && call.sync {
                    self.model.end_early(id, status::BUSY);
                }
            }
        }
        let waits = self.model.is_open_to_replies() && replies > limits.reply_bytes;
        let drops = !self.model.takes_frames() && !waits;
        let resumes = self.model.paused && (room || drops);
        assert_eq!(self.real.resume(&limits), resumes);
        self.model.paused &= !resumes;
    }

    fn room(&mut self, choices: &mut Choices<'_>) {
        let others = self.real.outbox.others();
        let (len, bound) = (choices.length(), self.limits.send_bytes);
        let has_room = bound == 0 || others == 0 || others + len <= bound;
        assert_eq!(self.real.has_room(len, &self.limits), has_room);
        if !has_room {
            self.real.want_room();
            self.model.room_wanted = true;
            self.model.counters.uncommon().busy += 1;
        }
        self.real.note_room(&self.limits);
        let again = bound == 0 || others <= bound / 2;
        if self.model.room_wanted && again && self.model.is_open_to_replies() {
            self.model.room_wanted = false;
            self.model.events.push(Event::Room);
        }
    }

    fn drain(&mut self, choices: &mut Choices<'_>) {
        // Rare: it refuses all that comes after it.
        if choices.below(8) == 0 {
            self.real.drain();
            self.model.draining = true;
        }
        let model = &self.model;
        let busy = model.carried || model.running.is_some() || !model.events.is_empty();
        let asked = model.outstanding() > 0 || model.unanswered > 0;
        let idle = !busy && !asked && self.real.outbox.is_free();
        assert_eq!(self.real.is_idle(), idle);
        let parts = model.draining && model.phase == Phase::Open && idle;
        assert_eq!(self.real.part(), parts);
        if parts {
            self.model.phase = Phase::Parting;
        }
    }

    fn end(&mut self, choices: &mut Choices<'_>) {
        match choices.below(16) {
            0 => {
                let closed = self.real.close();
                let muted = std::mem::replace(&mut self.model.muted, true);
                assert_eq!(closed.is_err(), muted);
                if !muted && self.model.advance(Phase::Closing, Some(Reason::User)) {
                    self.model.fail_calls();
                }
                self.note(closed.into_iter().flatten(), status::NETWORK_FAILURE);
            }
            1 => {
                let waiters = self.real.end_input();
                if self.model.advance(Phase::Ending, Some(Reason::Closed)) {
                    self.model.fail_calls();
                }
                self.note(waiters, status::NETWORK_FAILURE);
            }
            2 => {
                self.real.life.fail(32);
                if self.model.phase == Phase::Open {
                    self.model.phase = Phase::Failing;
                }
            }
            3 => self.shut(choices.pick(&[Reason::IoErr, Reason::Closed])),
            _ => {}
        }
        let model = &self.model;
        let over = match model.phase {
            Phase::Closing => true,
            Phase::Ending => model.unanswered == 0,
            _ => false,
        };
        let drained = over && model.outbox.is_empty() && self.flight.is_none();
        assert_eq!(self.real.is_drained(), drained);
    }

    fn shut(&mut self, reason: Reason) {
        let waiters = self.real.shut(reason);
        let first = self.model.advance(Phase::Shut, Some(reason));
        assert_eq!(waiters.is_some(), first);
        if first {
            self.model.outbox.clear();
            (self.model.sent, self.model.busy) = (0, 0);
            self.model.fail_calls();
            let reason = self.model.reason.unwrap_or(Reason::User);
            self.model.events.push(Event::Disconnect(reason));
            self.note(waiters.into_iter().flatten(), status::NETWORK_FAILURE);
        }
    }

    // --- the comparison

    fn compare(&mut self) {
        let (real, model) = (&self.real, &mut self.model);
        self.ended.sort();
        model.ended.sort();
        assert_eq!(self.ended, model.ended);
        self.ended.clear();
        model.ended.clear();
        assert_eq!(real.life.phase(), model.phase);
        let (outstanding, syncs, first) = model.waiting();
        assert_eq!(real.outstanding(), outstanding);
        assert_eq!(real.unanswered(), model.unanswered as usize);
        let others = outstanding > syncs;
        assert_eq!(real.has_async_calls(), others);
        let load = real.load();
        let (events, bytes, requests) = model.load();
        assert_eq!((load.events, load.event_bytes), (events, bytes));
        assert_eq!(load.requests, requests);
        let paused = model.paused && model.takes_frames() && syncs == 0;
        assert_eq!(real.is_paused(), paused);
        assert_eq!(real.poll_timeout(), first.unwrap_or(terms::NEVER));
        let (real_counts, counts) = (&real.counters, &model.counters);
        assert_eq!(real_counts.others(), counts.others());
        assert_eq!(real_counts.send_bytes, counts.send_bytes);
        assert_eq!(real_counts.send_msgs(), counts.send_msgs());
        assert_eq!(real_counts.recv_bytes, counts.recv_bytes);
        assert_eq!(real_counts.recv_msgs(), counts.recv_msgs());
        assert_eq!(real_counts.calls_ok, counts.calls_ok);
        let outbox = &real.outbox;
        let waits = model.outbox.iter().map(|frame| frame.bytes.len());
        assert_eq!(outbox.len(), waits.sum::<usize>() - model.sent);
        assert!(outbox.replies() >= model.queued_replies());
    }

    /// Brings what is still under way, sends all, runs all events, and ends.
    fn finish_all(&mut self) {
        let mut nothing = Choices::new(&[]);
        while !self.coming.is_empty() {
            self.bring(64, &mut nothing);
            self.compare();
        }
        self.begin(0);
        self.finish(9);
        while self.real.unhold_events() {
            self.model.held -= 1;
        }
        if self.model.phase < Phase::Shut {
            let next = self.real.outbox.writable();
            if next.is_some() {
                assert!(self.flight.is_none());
                self.take_off(next);
            }
            while let Some(mut chunk) = self.flight.take() {
                let sent = chunk.bytes.len() - chunk.at;
                self.model.busy = 0;
                self.model.left(sent);
                chunk.at += sent;
                let next = self.real.outbox.wrote(chunk, sent);
                let next = next.or_else(|| self.real.outbox.begin_flush());
                self.take_off(next);
                self.compare();
            }
            assert!(self.model.outbox.is_empty() && self.real.outbox.is_free());
        } else if self.flight.take().is_some() {
            self.real.outbox.abandon();
        }
        self.shut(Reason::Closed);
        self.compare();
        while !self.model.events.is_empty() {
            self.claim();
            self.begin(3);
            self.finish(9);
        }
        self.compare();
        assert!(self.real.is_drained() || self.model.phase == Phase::Shut);
        assert_eq!(self.real.outstanding(), 0);
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::new(data);
    let mut run = Run::new(&mut choices);
    while !choices.is_empty() {
        run.step(&mut choices);
    }
    run.finish_all();
});
