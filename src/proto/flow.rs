//! What may wait on one connection, and what becomes of more.
//!
//! A connection over one of its bounds is not read from until there is room. While one of our
//! own sync calls waits on it, whose reply may lie behind, it is read up to `HARD` times the
//! bounds; then the sync calls end, so that whoever made them comes back and handles events.

/// How far a sync call that waits stretches the bounds.
const HARD: usize = 16;

/// A connection's bounds, as its set has them. Zero: none, for `requests` and `send_bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events that wait for a dispatcher, and the bytes of their payloads.
    pub events: usize,
    pub event_bytes: usize,
    /// Requests taken in and not answered.
    pub requests: usize,
    /// Replies that the peer has not taken, in bytes.
    pub reply_bytes: usize,
    /// Calls and messages likewise.
    pub send_bytes: usize,
}

pub const DEFAULT: Limits = Limits {
    events: 4096,
    event_bytes: 4 << 20,
    requests: 0,
    reply_bytes: 4 << 20,
    send_bytes: 0,
};

/// What waits at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub events: usize,
    pub event_bytes: usize,
    pub requests: usize,
    pub reply_bytes: usize,
}

impl Load {
    /// Nothing more should be taken in.
    pub fn is_over(&self, limits: &Limits) -> bool {
        self.reaches(limits, 1)
    }

    /// Nothing more may be taken in, whoever waits.
    pub fn is_far_over(&self, limits: &Limits) -> bool {
        self.reaches(limits, HARD)
    }

    fn reaches(&self, limits: &Limits, times: usize) -> bool {
        let at = |load: usize, limit: usize| load >= limit.saturating_mul(times);
        at(self.events, limits.events)
            || at(self.event_bytes, limits.event_bytes)
            || (limits.requests > 0 && at(self.requests, limits.requests))
            || self.reply_bytes > limits.reply_bytes.saturating_mul(times)
    }

    /// Half of what may wait is gone: reading goes on.
    pub fn has_room(&self, limits: &Limits) -> bool {
        self.events <= limits.events / 2
            && self.event_bytes <= limits.event_bytes / 2
            && (limits.requests == 0 || self.requests < limits.requests)
            && self.reply_bytes <= limits.reply_bytes / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_pauses_and_half_of_it_resumes() {
        let limits = Limits {
            events: 4,
            event_bytes: 100,
            requests: 3,
            reply_bytes: 10,
            send_bytes: 0,
        };
        let none = Load::default();
        let cases = [
            (Load { events: 3, ..none }, false, false),
            (Load { events: 4, ..none }, true, false),
            (Load { events: 64, ..none }, true, true),
            (
                Load {
                    event_bytes: 99,
                    ..none
                },
                false,
                false,
            ),
            (
                Load {
                    event_bytes: 100,
                    ..none
                },
                true,
                false,
            ),
            (
                Load {
                    event_bytes: 1600,
                    ..none
                },
                true,
                true,
            ),
            (
                Load {
                    requests: 2,
                    ..none
                },
                false,
                false,
            ),
            (
                Load {
                    requests: 3,
                    ..none
                },
                true,
                false,
            ),
            (
                Load {
                    requests: 48,
                    ..none
                },
                true,
                true,
            ),
            (
                Load {
                    reply_bytes: 10,
                    ..none
                },
                false,
                false,
            ),
            (
                Load {
                    reply_bytes: 11,
                    ..none
                },
                true,
                false,
            ),
            (
                Load {
                    reply_bytes: 161,
                    ..none
                },
                true,
                true,
            ),
        ];
        for (load, over, far) in cases {
            assert_eq!(load.is_over(&limits), over, "{load:?}");
            assert_eq!(load.is_far_over(&limits), far, "{load:?}");
        }
        for (load, room) in [
            (Load { events: 2, ..none }, true),
            (Load { events: 3, ..none }, false),
            (
                Load {
                    event_bytes: 50,
                    ..none
                },
                true,
            ),
            (
                Load {
                    event_bytes: 51,
                    ..none
                },
                false,
            ),
            (
                Load {
                    requests: 2,
                    ..none
                },
                true,
            ),
            (
                Load {
                    requests: 3,
                    ..none
                },
                false,
            ),
            (
                Load {
                    reply_bytes: 5,
                    ..none
                },
                true,
            ),
            (
                Load {
                    reply_bytes: 6,
                    ..none
                },
                false,
            ),
        ] {
            assert_eq!(load.has_room(&limits), room, "{load:?}");
        }
    }

    #[test]
    fn no_bound_on_requests_is_none() {
        let load = Load {
            requests: usize::MAX,
            ..Load::default()
        };
        assert!(!load.is_over(&DEFAULT) && load.has_room(&DEFAULT));
    }
}
