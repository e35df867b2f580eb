//! Where a connection stands between its making and its end.

/// Only ever moves down this list, but for an attempt to connect that failed.
///
/// | phase | sends | socket | our calls | queued events |
/// |---|---|---|---|---|
/// | New | refused, never connected | none | none | none |
/// | Opening | refused, never connected | being made | none | none |
/// | Open | yes | open | wait | run |
/// | Parting | refused | drained: our side has ended, the peer's is waited for | none are left | none are left |
/// | Ending | messages and replies | the peer sends no more | failed | run |
/// | Failing | refused | a send failed; what has arrived is still read | wait | run |
/// | Closing | refused | the outbox drains | failed | accept, replies, disconnect |
/// | Shut | refused | dead, or closed | failed | run; disconnect is queued, last |
/// | Gone | refused | closed | failed | none: the disconnect callback has returned |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    New,
    Opening,
    Open,
    Parting,
    Ending,
    Failing,
    Closing,
    Shut,
    Gone,
}

/// Why a connection ended, numbered as `enum mrpc_disc_reason`. In four bytes: one byte beside an
/// event's tag makes every move of an event a chain of overlapping reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    User = 0,
    Closed = 1,
    IoErr = 2,
}

/// The phase with the first reason that occurred.
#[derive(Debug)]
pub struct Life {
    phase: Phase,
    reason: Option<Reason>,
    /// Closed by its user: queued requests and errors are dropped.
    muted: bool,
    /// The errno of the send that failed.
    failure: Option<i32>,
}

impl Default for Life {
    fn default() -> Life {
        Life {
            phase: Phase::New,
            reason: None,
            muted: false,
            failure: None,
        }
    }
}

impl Life {
    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub fn reason(&self) -> Reason {
        self.reason.unwrap_or(Reason::User)
    }

    pub fn is_muted(&self) -> bool {
        self.muted
    }

    pub fn failure(&self) -> Option<i32> {
        self.failure
    }

    /// Frames are taken in.
    pub fn takes_frames(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Failing)
    }

    /// Goes to `to` if that is ahead; false if it is not. The first reason wins.
    pub fn advance(&mut self, to: Phase, reason: Option<Reason>) -> bool {
        if to <= self.phase {
            return false;
        }
        self.phase = to;
        self.reason = self.reason.or(reason);
        true
    }

    /// An attempt to connect begins; false if there is one, or was one that succeeded.
    pub fn begin_opening(&mut self) -> bool {
        self.phase == Phase::New && self.advance(Phase::Opening, None)
    }

    /// It failed: the next may begin.
    pub fn give_up_opening(&mut self) {
        if self.phase == Phase::Opening {
            self.phase = Phase::New;
        }
    }

    /// A send failed with this errno; what has arrived is still wanted.
    pub fn fail(&mut self, errno: i32) {
        if self.phase == Phase::Open && self.advance(Phase::Failing, None) {
            self.failure = Some(errno);
        }
    }

    pub fn mute(&mut self) {
        self.muted = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_only_and_the_first_reason_wins() {
        let mut l = Life::default();
        assert!(l.advance(Phase::Open, None));
        assert!(l.advance(Phase::Closing, Some(Reason::User)));
        assert!(!l.advance(Phase::Open, None));
        assert!(l.advance(Phase::Shut, Some(Reason::IoErr)));
        assert!(!l.advance(Phase::Shut, Some(Reason::Closed)));
        assert_eq!(l.reason(), Reason::User);
        assert_eq!(l.phase(), Phase::Shut);
    }

    #[test]
    fn an_attempt_to_connect_can_be_made_again() {
        let mut l = Life::default();
        assert!(l.begin_opening() && !l.begin_opening());
        l.give_up_opening();
        assert!(l.begin_opening());
        assert!(l.advance(Phase::Open, None));
        l.give_up_opening();
        assert_eq!(l.phase(), Phase::Open);
        assert!(!l.begin_opening());
    }
}
