//! What a received frame means: an event, the end of a call, an error.

use super::{Call, Connection, Event, Handled};
use crate::proto::calls::{Slot, NONE};
use crate::proto::foreign;
use crate::proto::frame::{Body, Frame, Header, Refused, HEADER_LEN};
use crate::proto::status;
use crate::proto::step::{since, Notes, Step, What};

/// A frame's events: an error and itself; and the end of the connection, if there is no room
/// for the next one's.
const EVENTS: usize = 3;

impl<S, A> Connection<S, A> {
    /// Frames are going to be taken in, and somebody watches.
    pub fn begin_notes(&mut self, notes: Box<Notes>) {
        self.notes = Some(notes);
    }

    /// What was noted since.
    pub fn end_notes(&mut self) -> Option<Box<Notes>> {
        self.notes.take()
    }

    /// Queues an I/O-error event, unless the connection was closed by its user.
    pub fn io_error(&mut self, text: String) {
        if let Some(notes) = &mut self.notes {
            let error = Step::error(notes.now, notes.connection, &text);
            notes.steps.push(error);
        }
        if !self.life.is_muted() {
            self.push(Event::IoErr(text));
        }
    }

    /// Takes one received frame; `own` is the number of the reading thread's own sync call.
    pub fn receive<'a>(&mut self, frame: Frame<'a>, own: Option<u32>) -> Handled<'a, S> {
        // By reference: it was just written word by word, and is best read so.
        let Frame { ref header, body } = frame;
        if !self.lane.reserve(EVENTS) {
            self.starved = true;
            return Handled::Done;
        }
        let whole = !matches!(body, Body::Coming | Body::Refused(_));
        if !(self.begun && whole) {
            self.note_news(header, &body);
            if !whole {
                return Handled::Done;
            }
        }
        self.counters.recv_bytes += HEADER_LEN as u64 + u64::from(header.len);
        if !self.life.takes_frames() {
            self.count_dropped(header);
            return Handled::Done;
        }
        if header.is_request() {
            self.request(header, body);
            Handled::Done
        } else {
            self.reply(header, body, own)
        }
    }

    /// A frame came after the end.
    pub(super) fn count_dropped(&mut self, header: &Header) {
        let c = &mut self.counters;
        if !header.is_request() {
            c.uncommon().stray_replies += 1;
        } else if header.cmd >= 0 {
            c.requests_received += 1;
        } else {
            c.messages_received += 1;
            c.uncommon().messages_dropped += 1;
        }
    }

    /// What is told of a frame before it is there: the first one's header, and a payload that
    /// is refused.
    #[cold]
    pub(super) fn note_news(&mut self, header: &Header, body: &Body<'_>) {
        let first = !std::mem::replace(&mut self.begun, true);
        if !self.life.takes_frames() {
            return;
        }
        let told = first && self.note_foreign(header);
        if let (Body::Refused(why), false) = (body, told) {
            self.note_refused(header, *why);
        }
    }

    /// Reports a stream whose first bytes are those of another protocol.
    pub(super) fn note_foreign(&mut self, header: &Header) -> bool {
        let (outstanding, late) = (self.is_outstanding(header.sequence), self.is_late(header));
        let ours = header.is_request() || outstanding || late;
        let first = header.to_bytes();
        let name = foreign::protocol_of(&first).filter(|_| !ours);
        if let Some(name) = name {
            self.io_error(format!(
                "the peer's first bytes look like {name}, not miniRPC: \"{}\"",
                first.escape_ascii()
            ));
        }
        name.is_some()
    }

    pub(super) fn note_refused(&mut self, header: &Header, why: Refused) {
        let is_reply = !header.is_request();
        if is_reply && self.is_late(header) {
            return;
        }
        let what = if is_reply { "reply" } else { "payload" };
        let why = match why {
            Refused::TooLong => "is over the maximum",
            Refused::NoMemory => "does not fit into memory",
        };
        let Header { len, cmd, .. } = header;
        self.io_error(format!("{what} of {len} bytes for command {cmd} {why}"));
    }

    pub(super) fn request(&mut self, header: &Header, body: Body<'_>) {
        self.solitary = 0;
        let &Header { sequence, cmd, .. } = header;
        let late = self.draining;
        let refused = late || matches!(body, Body::Skipped);
        let came = self.notes.as_ref().map_or(0, |notes| notes.now);
        if came > 0 {
            self.note_request(header);
        }
        if cmd < 0 {
            self.counters.messages_received += 1;
            if refused {
                self.counters.uncommon().messages_dropped += 1;
                return;
            }
        } else {
            self.counters.requests_received += 1;
            self.unanswered += 1;
            self.queued_requests += 1;
        }
        self.push(if refused {
            Event::Refused {
                sequence,
                cmd,
                late,
            }
        } else {
            Event::Request {
                sequence,
                cmd,
                came,
                payload: body.into_payload(),
            }
        });
    }

    #[cold]
    pub(super) fn note_request(&mut self, header: &Header) {
        let what = if header.cmd < 0 {
            What::MessageIn
        } else {
            What::RequestIn
        };
        self.note_frame(what, header, 0);
    }

    #[cold]
    pub(super) fn note_frame(&mut self, what: What, header: &Header, then: u64) {
        let Some(notes) = &mut self.notes else { return };
        notes.steps.push(Step {
            took: since(then, notes.now),
            ..Step::of_frame(what, notes.now, notes.connection, header)
        });
    }

    pub(super) fn reply<'a>(
        &mut self,
        header: &Header,
        body: Body<'a>,
        own: Option<u32>,
    ) -> Handled<'a, S> {
        // No call has a negative command: an answer to a message of ours, whatever its number.
        let found = if header.cmd < 0 {
            None
        } else {
            self.calls.remove(header.sequence)
        };
        let Some(Slot {
            note, waiter: call, ..
        }) = found
        else {
            self.solitary = 0;
            if self.is_late(header) {
                self.late -= 1;
                self.counters.uncommon().late_replies += 1;
                return Handled::Done;
            }
            self.counters.uncommon().stray_replies += 1;
            if !matches!(body, Body::Skipped) {
                self.io_error(format!(
                    "reply with unknown sequence number {}",
                    header.sequence
                ));
            }
            return Handled::Done;
        };
        if note != NONE {
            self.forget_terms(note);
        }
        self.outbox.answered();
        let (cmd, made) = match &call {
            Call::Sync { cmd, made, .. } | Call::Async { cmd, made, .. } => (*cmd, *made),
        };
        if self.notes.is_some() {
            self.note_frame(What::ReplyIn, header, made);
        }
        let fault = if header.cmd != cmd {
            Some(format!(
                "reply for command {} to a request for command {cmd}",
                header.cmd
            ))
        } else if header.status != status::OK && header.len > 0 {
            Some(format!(
                "reply with status {} for command {cmd} carries a payload of {} bytes",
                header.status, header.len
            ))
        } else {
            None
        };
        let faulty = fault.is_some() || matches!(body, Body::Skipped);
        if let Some(text) = fault {
            self.io_error(text);
        }
        let (status, body) = if faulty {
            (status::ENCODING_ERR, Body::Slice(&[]))
        } else {
            (header.status, body)
        };
        if status == status::OK {
            self.counters.calls_ok += 1;
        } else {
            self.counters.uncommon().calls_status += 1;
        }
        match call {
            Call::Sync { waiter, .. } => {
                self.syncs -= 1;
                self.solitary = self.solitary.saturating_add(1);
                if own == Some(header.sequence) {
                    Handled::Own { status, body }
                } else {
                    Handled::Other {
                        waiter,
                        status,
                        payload: body.into_payload(),
                    }
                }
            }
            Call::Async { call, .. } => {
                self.push(Event::Reply {
                    call,
                    status,
                    payload: body.into_payload(),
                });
                Handled::Done
            }
        }
    }
}
