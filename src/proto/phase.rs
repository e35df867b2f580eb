//! The life of a connection.

/// Phases only move forward.
///
/// | phase | sends | socket | outstanding calls | queued events |
/// |---|---|---|---|---|
/// | New | refused, never connected | none | none | none |
/// | Open | yes | open | wait | run |
/// | Closing | refused | the outbox drains | failed | accept, replies, disconnect |
/// | Shut | refused | dead | failed | run; disconnect is queued, last |
/// | Gone | refused | closed | failed | none: the disconnect callback has returned |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    New,
    Open,
    Closing,
    Shut,
    Gone,
}

/// Why a connection ended, numbered as `enum mrpc_disc_reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl Default for Life {
    fn default() -> Life {
        Life {
            phase: Phase::New,
            reason: None,
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

    /// Goes to `to` if that is ahead; false if it is not. The first reason wins.
    pub fn advance(&mut self, to: Phase, reason: Option<Reason>) -> bool {
        if to <= self.phase {
            return false;
        }
        self.phase = to;
        self.reason = self.reason.or(reason);
        true
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
}
