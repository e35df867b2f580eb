//! Steps of a connection, for whoever watches: see `observer`.
//!
//! `leave_*` may be called with a right held, `tell_*` with none.

use super::{Conn, State};
use crate::proto::frame::Header;
use crate::proto::step::{since, Notes, Step, What};
use crate::sys::clock;
use crate::sys::moment::Moment;

impl Conn {
    /// For what is going to be taken in.
    #[cold]
    pub(super) fn new_notes(&self, now: u64) -> Notes {
        Notes {
            now,
            connection: self.id,
            steps: self.hub.observer.spare(),
        }
    }

    /// What was noted.
    #[cold]
    pub(super) fn leave_notes(&self, notes: Notes) {
        let observer = &self.hub.observer;
        if let Some(latency) = observer.latency() {
            for step in &notes.steps {
                if step.what == What::ReplyIn && step.took > 0 {
                    latency.call_time.record(step.took);
                }
            }
        }
        observer.leave(notes.steps);
    }

    pub(super) fn leave_up(&self) {
        self.leave_step(|time| Step::new(What::Up, time, self.id));
    }

    /// `age` in nanoseconds.
    pub(super) fn leave_down(&self, reason: i32, age: u64) {
        self.leave_step(|time| Step {
            status: reason,
            took: age,
            ..Step::new(What::Down, time, self.id)
        });
    }

    pub(super) fn leave_error(&self, text: &str) {
        self.leave_step(|time| Step::error(time, self.id, text));
    }

    fn leave_step(&self, step: impl FnOnce(u64) -> Step) {
        if self.hub.observer.traces() {
            self.hub.observer.leave(vec![step(clock::nanos())]);
        }
    }

    #[cold]
    pub fn tell_error(&self, text: &str) {
        if self.hub.observer.traces() {
            let step = Step::error(clock::nanos(), self.id, text);
            self.hub.observer.tell_of(step);
        }
    }

    /// The time of a frame that is going to be sent or queued: that of those which it is gathered
    /// with, unless it is a reply, before which a handler may have taken its time.
    #[cold]
    pub(super) fn sending_time(&self, st: &mut State, reply: bool) -> u64 {
        let observer = &self.hub.observer;
        if reply || observer.latency().is_some() {
            return observer.time();
        }
        let fresh = st.proto.outbox.is_empty();
        let moment = st.moment.get_or_insert_with(|| Box::new(Moment::now()));
        if fresh {
            **moment = Moment::now();
        }
        moment.time()
    }

    /// A frame has been sent or queued, at the time of `now`; a reply: to what was dispatched
    /// at the time of `began`.
    #[cold]
    pub(super) fn tell_sent(&self, what: What, frame: &[u8], now: u64, began: u64) {
        let header = frame.first_chunk().map(Header::from_bytes);
        let (Some(header), true) = (header, self.hub.observer.traces()) else {
            return;
        };
        self.hub.observer.tell_of(Step {
            took: since(began, now),
            ..Step::of_frame(what, now, self.id, &header)
        });
    }

    /// A handler is about to be called, for what came at the time of `came`. Gives the time, if
    /// somebody watches; else 0.
    #[inline]
    pub fn tell_dispatched(&self, sequence: u32, cmd: i32, came: u64) -> u64 {
        let now = self.hub.observer.time();
        if now > 0 {
            self.dispatched(sequence, cmd, came, now);
        }
        now
    }

    #[cold]
    fn dispatched(&self, sequence: u32, cmd: i32, came: u64, now: u64) {
        let observer = &self.hub.observer;
        let took = since(came, now);
        if let (1.., Some(latency)) = (came, observer.latency()) {
            latency.dispatch_wait.record(took);
        }
        if observer.traces() {
            observer.tell_of(Step {
                sequence,
                cmd,
                took,
                ..Step::new(What::Dispatched, now, self.id)
            });
        }
    }

    /// A handler has returned that was called at that time.
    #[cold]
    pub fn note_handled(&self, began: u64) {
        if let Some(latency) = self.hub.observer.latency() {
            latency.handler_time.record(since(began, clock::nanos()));
        }
    }
}
