//! Connections that time concerns: a peer that owes an acknowledgement.
//!
//! The kernel's keepalive says nothing while data is unacknowledged, and TCP_USER_TIMEOUT ends
//! a live peer that only does not read. So where the application has set the keepalive
//! parameters, whoever drives looks now and then when the peer was heard last.

use super::{Conn, ConnHub, State};
use crate::proto::phase::{Phase, Reason};
use crate::reactor::{Ready, Source, Turn};
use crate::sys::socket::{self, Owed};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Looks within the time that a peer may say nothing.
const LOOKS: u32 = 8;
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// What is remembered of a watched connection.
#[derive(Debug)]
pub(super) struct Watch {
    /// When it was listed: it may have been silent before, as nothing was asked.
    since: Instant,
    /// At the last look, something was unanswered for too long. A probe of a closed window is
    /// unanswered for a round trip; so it takes two looks.
    suspect: bool,
}

fn period(limit: Duration) -> Duration {
    (limit / LOOKS).clamp(SHORTEST, LONGEST)
}

impl Watch {
    /// True if the peer is to be given up.
    fn judge(&mut self, now: Instant, owed: &Owed, limit: Duration) -> bool {
        let silence = owed.silence.min(now - self.since);
        // What is late by a look at the start must not be late at the end.
        let late = owed.unanswered && silence + 2 * period(limit) >= limit;
        let suspected = std::mem::replace(&mut self.suspect, late);
        late && suspected
    }
}

impl Conn {
    /// Something is about to be sent: the peer will owe an acknowledgement. True: the caller
    /// lists the connection by `list_watched`, after unlocking.
    #[must_use]
    pub(super) fn begin_watch(&self, st: &mut State) -> bool {
        let begin = self.hub.config.watches_peers() && st.watch.is_none();
        if begin {
            st.watch = Some(Box::new(Watch {
                since: Instant::now(),
                suspect: false,
            }));
        }
        begin
    }

    pub(super) fn list_watched(self: &Arc<Self>) {
        if self.hub.watch(Arc::clone(self)) {
            self.hub.reactor.again(Arc::clone(&self.hub) as _);
        }
    }

    fn end_watch(&self) {
        self.lock().watch = None;
    }

    /// False: it is not watched any more.
    fn look_at_peer(self: &Arc<Self>, now: Instant, limit: Duration) -> bool {
        let dead = {
            let mut st = self.lock();
            let fd = self.fd();
            let owed = if fd >= 0 { socket::owed(fd) } else { None };
            let owed = owed.filter(|_| st.proto.life.phase() < Phase::Shut);
            let Some(owed) = owed else {
                st.watch = None;
                return false;
            };
            let idle = st.proto.outbox.is_free();
            let Some(watch) = &mut st.watch else {
                return false;
            };
            if owed.bytes == 0 {
                watch.since = now;
                watch.suspect = false;
                if idle {
                    st.watch = None;
                }
                return !idle;
            }
            watch.judge(now, &owed, limit)
        };
        if dead {
            let seconds = limit.as_secs();
            let text = format!("the peer has acknowledged nothing for {seconds} s");
            self.shut(Reason::IoErr, Some(text));
        }
        !dead
    }
}

/// The time of the next look has come.
impl Source<Arc<Conn>> for ConnHub {
    fn on_ready(self: Arc<Self>, _: Ready, turn: &mut Turn<'_, Arc<Conn>>) {
        let Some(keepalive) = self.config.keepalive() else {
            return self.take_watched().iter().for_each(|c| c.end_watch());
        };
        let (limit, now) = (keepalive.limit(), Instant::now());
        let mut list = self.take_watched();
        list.retain(|conn| conn.look_at_peer(now, limit));
        if self.put_watched(list) {
            turn.at(now + period(limit), self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_peer_that_leaves_something_unanswered_is_given_up() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let limit = 4 * second;
        let mut watch = Watch {
            since: start,
            suspect: false,
        };
        let mut at = |seconds: u32, silent: u32, unanswered| {
            let owed = Owed {
                bytes: 1,
                silence: silent * second,
                unanswered,
            };
            watch.judge(start + seconds * second, &owed, limit)
        };
        assert!(!at(1, 3600, true), "silent because nothing was asked");
        assert!(
            !at(7, 6, false),
            "a closed window whose probes are answered"
        );
        assert!(!at(8, 7, true), "a probe on its way");
        assert!(!at(9, 0, true), "answered");
        assert!(!at(12, 3, true));
        assert!(at(13, 4, true));
    }
}
