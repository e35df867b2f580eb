//! Connections that time concerns: looked at now and then by whoever drives, as long as one of
//! these holds.
//!
//! - A peer owes an acknowledgement, and the application has set the keepalive parameters. The
//!   kernel's keepalive says nothing while data is unacknowledged, and TCP_USER_TIMEOUT ends a
//!   live peer that only does not read. So it is looked when the peer was heard last.
//! - The connection waits for progress: it is closing, draining, or half closed, or not read from because
//!   its replies are not taken, or in the middle of a frame while memory is short.
//! - The handshake of its transport goes on.
//! - The set has an idle timeout.

use super::{Conn, ConnHub, State};
use crate::config::Config;
use crate::proto::life::{Phase, Reason};
use crate::proto::terms::NEVER;
use crate::reactor::{Ready, Source, Turn};
use crate::sys::clock;
use crate::sys::net::Owed;
use crate::sys::socket;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Looks within a time that may pass.
const LOOKS: u32 = 8;
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(10);

/// What is remembered of a watched connection.
#[derive(Debug)]
pub(super) struct Watch {
    peer: Silence,
    /// Since it waits for progress, there was none.
    stuck: Option<Still<(u64, u64, usize)>>,
    /// It waits for progress since the last look: the next one must not come too late.
    hurries: bool,
    /// No message since; and whether nothing was outstanding.
    idle: Still<(u64, bool)>,
}

/// How long something has been as it is.
#[derive(Debug)]
pub(super) struct Still<T> {
    what: T,
    since: Instant,
}

/// A peer that owes something.
#[derive(Debug)]
struct Silence {
    /// It may have been silent before, as nothing was asked.
    since: Instant,
    /// At the last look, something was unanswered for too long. A probe of a closed window is
    /// unanswered for a round trip; so it takes two looks.
    suspect: bool,
}

/// What a look comes to.
enum Verdict {
    /// Nothing concerns it any more.
    Leave,
    LookAgain(Duration),
    End(String),
}

fn period(limit: Duration) -> Duration {
    (limit / LOOKS).clamp(SHORTEST, LONGEST)
}

impl<T: PartialEq> Still<T> {
    pub(super) fn new(what: T, since: Instant) -> Still<T> {
        Still { what, since }
    }

    /// How long it has been like this.
    pub(super) fn look(&mut self, what: T, now: Instant) -> Duration {
        if self.what != what {
            *self = Still::new(what, now);
        }
        now - self.since
    }
}

impl Silence {
    /// True if the peer is to be given up.
    fn judge(&mut self, now: Instant, owed: &Owed, limit: Duration) -> bool {
        let silence = owed.silence.min(now - self.since);
        // What is late by a look at the start must not be late at the end.
        let late = owed.unanswered && silence + 2 * period(limit) >= limit;
        let suspected = std::mem::replace(&mut self.suspect, late);
        late && suspected
    }
}

impl State {
    /// True, once, if time concerns the connection from now on, or more than before: it has to be
    /// listed.
    #[must_use]
    #[inline]
    pub(super) fn begin_watch(&mut self, conn: &Conn) -> bool {
        let open = self.proto.life.phase() == Phase::Open;
        let calm = open && !self.proto.is_constrained() && !self.proto.is_draining();
        let calm = calm && !conn.is_shaking();
        (!calm || conn.hub.config.is_special()) && self.watch_if_wanted(conn)
    }

    fn watch_if_wanted(&mut self, conn: &Conn) -> bool {
        let config = &conn.hub.config;
        let watch = self.rare.as_deref().and_then(|rare| rare.watch.as_ref());
        if let Some(watch) = watch {
            let hurries = !watch.hurries && watch.stuck.is_none() && self.waits_for(conn).is_some();
            if let Some(watch) = self.rare().watch.as_mut().filter(|_| hurries) {
                watch.hurries = true;
            }
            return hurries;
        }
        let begin = match self.proto.life.phase() {
            Phase::Open if conn.is_shaking() => true,
            Phase::Open => config.watches_all() || self.waits_for(conn).is_some(),
            _ => self.waits_for(conn).is_some(),
        };
        if begin {
            let now = clock::now();
            let idle = Still::new((self.messages(), self.proto.is_idle()), now);
            self.rare().watch = Some(Watch {
                peer: Silence {
                    since: now,
                    suspect: false,
                },
                stuck: None,
                hurries: false,
                idle,
            });
        }
        begin
    }

    pub(super) fn messages(&self) -> u64 {
        self.proto.counters.send_msgs() + self.proto.counters.recv_msgs()
    }

    /// What has to make progress, if anything has.
    fn waits_for(&self, conn: &Conn) -> Option<&'static str> {
        match self.proto.life.phase() {
            Phase::Closing => Some("the peer to take the rest"),
            Phase::Ending => Some("replies to a peer that sends no more"),
            Phase::Parting => Some("the peer to end its side, too"),
            Phase::Open if self.proto.is_draining() => {
                Some("calls and requests to end, as the set drains")
            }
            Phase::Open if self.proto.is_stuck(&conn.hub.config.limits()) => {
                Some("the peer to take replies")
            }
            Phase::Open if self.partial() > 0 && conn.hub.is_out_of_memory() => {
                Some("the rest of a message, while memory is short")
            }
            _ => None,
        }
    }

    fn judge(&mut self, conn: &Conn, watch: &mut Watch, now: Instant) -> Verdict {
        let fd = conn.fd();
        if fd < 0 || self.proto.life.phase() >= Phase::Shut {
            return Verdict::Leave;
        }
        watch.hurries = false;
        let config = &conn.hub.config;
        let mut next: Option<Duration> = None;
        let mut again = |after: Duration| next = Some(next.map_or(after, |next| next.min(after)));

        if conn.is_shaking() {
            let limit = conn.handshake_limit();
            let age = Duration::from_millis(self.times.age_ms());
            if age >= limit {
                let ms = limit.as_millis();
                return Verdict::End(format!("the handshake was not complete within {ms} ms"));
            }
            again(period(limit).min(limit - age).max(SHORTEST));
        }
        if let Some(what) = self.waits_for(conn) {
            let arrived = self.proto.counters.recv_bytes + self.partial() as u64;
            let progress = (arrived, self.taken(fd), self.proto.unanswered());
            let stuck = watch.stuck.get_or_insert(Still::new(progress, now));
            let linger = config.linger();
            if stuck.look(progress, now) >= linger {
                let ms = linger.as_millis();
                return Verdict::End(format!("no progress for {ms} ms: waited for {what}"));
            }
            again(period(linger));
        } else {
            watch.stuck = None;
        }
        if let Some(limit) = config.idle_timeout() {
            let idle = self.proto.is_idle();
            let still = watch.idle.look((self.messages(), idle), now);
            if idle && still >= limit {
                return Verdict::End(format!("idle for {} ms", limit.as_millis()));
            }
            again(period(limit));
        }
        let keepalive = config.keepalive().filter(|_| config.watches_peers());
        let owed = keepalive.and_then(|k| Some((k.limit(), socket::owed(fd)?)));
        match owed {
            Some((limit, owed)) if owed.bytes > 0 => {
                if watch.peer.judge(now, &owed, limit) {
                    let s = limit.as_secs();
                    return Verdict::End(format!("the peer has acknowledged nothing for {s} s"));
                }
                again(period(limit));
            }
            Some((limit, _)) => {
                watch.peer.since = now;
                watch.peer.suspect = false;
                if !self.proto.outbox.is_free() {
                    again(period(limit));
                }
            }
            None => {}
        }
        next.map_or(Verdict::Leave, Verdict::LookAgain)
    }
}

impl Conn {
    /// After `begin_watch`, without the lock.
    pub(super) fn list_watched(self: &Arc<Self>) {
        let _ = self.hub.watched.set(0, Arc::clone(self));
        self.hub
            .shards
            .home()
            .reactor
            .again(Arc::clone(&self.hub) as _);
    }

    /// After what time to look again; None: not unless it is listed anew.
    fn look(self: &Arc<Self>, now: Instant) -> Option<Duration> {
        let verdict = {
            let mut st = self.lock();
            let mut watch = st.rare().watch.take()?;
            let verdict = st.judge(self, &mut watch, now);
            if matches!(verdict, Verdict::LookAgain(_)) {
                st.rare().watch = Some(watch);
            }
            verdict
        };
        match verdict {
            Verdict::Leave => None,
            Verdict::LookAgain(after) => Some(after),
            Verdict::End(why) => {
                self.shut(Reason::IoErr, Some(why));
                None
            }
        }
    }
}

/// The time of the next look has come.
impl Source<Arc<Conn>> for ConnHub {
    fn on_ready(self: Arc<Self>, _: Ready, turn: &mut Turn<'_, Arc<Conn>>) {
        let (now, nanos) = (clock::now(), clock::nanos());
        // As they stand now: one that is to be looked at again at once waits for the next turn.
        let mut due = Vec::new();
        while let Some(conn) = self.watched.due(nanos) {
            due.push(conn);
        }
        for conn in due {
            if let Some(after) = conn.look(now) {
                let _ = self.watched.set(nanos + after.as_nanos() as u64, conn);
            }
        }
        match self.watched.first() {
            NEVER => {}
            first => turn.at(
                now + Duration::from_nanos(first.saturating_sub(nanos)),
                self,
            ),
        }
    }
}

impl Config {
    /// Whether time concerns every open connection.
    fn watches_all(&self) -> bool {
        self.watches_peers() || self.idle_timeout().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_peer_that_leaves_something_unanswered_is_given_up() {
        let (start, second) = (clock::now(), Duration::from_secs(1));
        let limit = 4 * second;
        let mut peer = Silence {
            since: start,
            suspect: false,
        };
        let mut at = |seconds: u32, silent: u32, unanswered| {
            let owed = Owed {
                bytes: 1,
                silence: silent * second,
                unanswered,
            };
            peer.judge(start + seconds * second, &owed, limit)
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

    #[test]
    fn what_changes_is_not_still() {
        let (start, second) = (clock::now(), Duration::from_secs(1));
        let mut still = Still::new(1, start);
        assert_eq!(still.look(1, start + 2 * second), 2 * second);
        assert_eq!(still.look(2, start + 3 * second), Duration::ZERO);
        assert_eq!(still.look(2, start + 4 * second), second);
    }
}
