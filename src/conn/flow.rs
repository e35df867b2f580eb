//! Bounds: how fast an application may send, and how much a set's connections may hold.
//!
//! What bounds the receiving side is in `proto::flow`; docs/limits.md has the formula.

use super::{Conn, State};
use crate::proto::life::Phase;
use crate::reactor::READ_SIZE;
use crate::sys::{clock, socket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An application thread that has this much queued waits for the peer, until it is down to
/// the second figure, as long as the peer takes bytes ...
const FULL: usize = 1 << 20;
const ROOM: usize = FULL / 2;
/// ... else it may queue as much again after this while, which doubles, up to the second
/// figure, where the peer then took some all the same.
const PATIENCE: Duration = Duration::from_millis(20);
const LONGEST_PATIENCE: Duration = Duration::from_secs(1);
/// The socket reports that it is writable only when a third of its buffer is free.
const LOOK: Duration = Duration::from_millis(4);
/// A one-way message this soon after the last one that was sent in place is gathered.
const GAP: Duration = Duration::from_micros(50);

/// What a connection costs beside what is counted: docs/limits.md.
const PER_CONNECTION: usize = 1024;

/// How fast a connection is sent to.
#[derive(Default)]
pub(super) struct Pace {
    last_in_place: Option<Instant>,
    /// Where the peer once took nothing while a thread waited for it.
    stall: Option<Box<Stall>>,
}

struct Stall {
    /// Bytes that may be queued beside `FULL`.
    granted: usize,
    patience: Duration,
    /// What the peer had taken when that was granted.
    taken: u64,
}

impl Pace {
    /// True if a message may go out in place: the last one that did is a while ago.
    pub fn is_due(&mut self) -> bool {
        let now = clock::now();
        let due = self.last_in_place.is_none_or(|t| now - t > GAP);
        if due {
            self.last_in_place = Some(now);
        }
        due
    }

    /// True if a thread that has queued `len` bytes has to wait for the peer.
    pub fn is_full(&self, len: usize) -> bool {
        len > FULL + self.stall.as_ref().map_or(0, |stall| stall.granted)
    }

    /// A wait begins: how long it may last while nothing is taken.
    fn begin_wait(&mut self, taken: u64) -> Duration {
        let Some(stall) = &mut self.stall else {
            return PATIENCE;
        };
        if std::mem::take(&mut stall.granted) > 0 && taken != stall.taken {
            stall.patience = (stall.patience * 2).min(LONGEST_PATIENCE);
        }
        stall.patience
    }

    /// It ends because nothing was taken: what is queued is as much again.
    fn grant(&mut self, len: usize, taken: u64) {
        let patience = self.stall.as_ref().map_or(PATIENCE, |stall| stall.patience);
        self.stall = Some(Box::new(Stall {
            granted: len,
            patience,
            taken,
        }));
    }
}

impl Conn {
    /// Waits while the peer takes bytes more slowly than the calling thread sends them.
    pub(super) fn wait_for_room(self: &Arc<Self>) {
        let fd = {
            let mut st = self.lock();
            st.throttled += 1;
            self.fd()
        };
        let mut last = None;
        let mut since = clock::now();
        let mut patience = PATIENCE;
        loop {
            let flush = {
                let mut st = self.lock();
                let len = st.proto.outbox.len();
                if fd < 0 || len <= ROOM || st.proto.life.phase() != Phase::Open {
                    break;
                }
                let taken = st.sent.wrapping_sub(socket::unsent(fd) as u64);
                if last.is_none() {
                    patience = st.pace.begin_wait(taken);
                }
                if last.replace(taken) != Some(taken) {
                    since = clock::now();
                } else if clock::now() - since >= patience {
                    st.pace.grant(len, taken);
                    break;
                }
                st.proto.outbox.writable()
            };
            if let Some(chunk) = flush {
                self.write_out(chunk);
            }
            socket::wait_writable(fd, Some(LOOK));
        }
        let ended = {
            let mut st = self.lock();
            st.throttled -= 1;
            st.proto.life.phase() >= Phase::Shut
        };
        if ended {
            self.reap();
        }
    }

    /// The set's bounds have changed: what rests may go on, what goes on may have to rest.
    pub(super) fn apply_limits(self: &Arc<Self>) {
        let mut out = super::outputs::Outputs::default();
        {
            let mut st = self.lock();
            if st.proto.life.phase() < Phase::Open {
                return;
            }
            st.settle(self, &mut out);
            out.watch |= st.begin_watch(self);
            st.charge(self);
        }
        self.act(out);
    }
}

impl State {
    /// Bytes that the connection holds.
    fn holds(&self) -> usize {
        if self.proto.life.phase() >= Phase::Shut {
            return 0;
        }
        PER_CONNECTION + self.proto.load().event_bytes + self.proto.outbox.len() + self.partial
    }

    /// Tells the set what the connection holds, where that is limited.
    pub(super) fn charge(&mut self, conn: &Conn) {
        if conn.hub.config.memory_limit() == 0 && self.charged == 0 {
            return;
        }
        let holds = self.holds();
        conn.hub.memory_changed(self.charged, holds);
        self.charged = holds;
    }

    /// True if the set holds too much, and this connection more than its share.
    pub(super) fn is_a_burden(&self, conn: &Conn) -> bool {
        let limit = conn.hub.config.memory_limit();
        limit > 0 && conn.hub.memory() > limit && {
            let share = limit / conn.hub.connections().max(1);
            self.charged > share.max(PER_CONNECTION + READ_SIZE / 4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_where_the_peer_was_slow_and_not_dead() {
        let mut pace = Pace::default();
        assert!(!pace.is_full(FULL) && pace.is_full(FULL + 1));
        assert_eq!(pace.begin_wait(7), PATIENCE);
        pace.grant(FULL + 1, 7);
        assert!(!pace.is_full(2 * FULL) && pace.is_full(2 * FULL + 2));
        assert_eq!(pace.begin_wait(7), PATIENCE, "it took nothing");
        pace.grant(2 * FULL + 2, 7);
        assert_eq!(pace.begin_wait(8), 2 * PATIENCE);
        for taken in 9..20 {
            pace.grant(FULL, taken - 1);
            assert!(pace.begin_wait(taken) > PATIENCE);
        }
        assert_eq!(pace.begin_wait(20), LONGEST_PATIENCE);
        assert!(pace.is_full(FULL + 1));
    }
}
