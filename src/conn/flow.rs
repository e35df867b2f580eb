//! Bounds: how fast an application may send, and how much a set's connections may hold.
//!
//! What bounds the receiving side is in `proto::flow`; docs/limits.md has the formula.

use super::{Conn, State};
use crate::proto::life::Phase;
use crate::reactor::READ_SIZE;
use crate::sync::Ordering;
use crate::sys::{clock, socket};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

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
/// A one-way message this soon after the last one that was sent in place is gathered, in nanoseconds.
const GAP: u64 = 50_000;

/// What a connection costs beside what is counted: docs/limits.md.
const PER_CONNECTION: usize = 1024;

/// When messages leave at once.
#[derive(Default)]
pub(super) struct Pace {
    /// In nanoseconds; 0: none has.
    last_in_place: u64,
}

impl Pace {
    /// True if a message may go out in place: the last one that did is a while ago.
    pub fn is_due(&mut self) -> bool {
        let now = clock::nanos();
        let due = now.saturating_sub(self.last_in_place) > GAP;
        if due {
            self.last_in_place = now;
        }
        due
    }
}

/// What a thread that waited for the peer in vain leaves behind.
pub(super) struct Stall {
    /// Bytes that may be queued beside `FULL`.
    granted: usize,
    patience: Duration,
    /// What the peer had taken when that was granted.
    taken: u64,
}

impl Stall {
    /// Nothing was taken: as much again as is queued may be.
    fn new(patience: Duration, len: usize, taken: u64) -> Stall {
        Stall {
            granted: len,
            patience,
            taken,
        }
    }

    /// The next wait begins: how long it may last while nothing is taken.
    fn next_patience(&mut self, taken: u64) -> Duration {
        if std::mem::take(&mut self.granted) > 0 && taken != self.taken {
            self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
        }
        self.patience
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
                if fd < 0 || len <= ROOM || st.proto.check_open(false).is_err() {
                    break;
                }
                let taken = st.taken(fd);
                let stall = st.rare.as_mut().and_then(|rare| rare.stall.as_mut());
                if let (None, Some(stall)) = (last, stall) {
                    patience = stall.next_patience(taken);
                }
                if last.replace(taken) != Some(taken) {
                    since = clock::now();
                } else if clock::now() - since >= patience {
                    st.rare().stall = Some(Stall::new(patience, len, taken));
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
            // The batch under way was taken out by other bounds.
            self.interrupt.store(true, Ordering::Release);
        }
        self.act(out);
    }
}

impl State {
    /// Bytes that have left us: the socket does not hold them any more.
    pub(super) fn taken(&self, fd: RawFd) -> u64 {
        let waits = self.proto.outbox.len() + socket::unsent(fd);
        self.proto.counters.send_bytes.wrapping_sub(waits as u64)
    }

    /// True if a thread that has queued this much has to wait for the peer.
    #[inline]
    pub(super) fn is_full(&self, conn: &Conn, len: usize) -> bool {
        len > FULL && self.is_overfull(conn, len)
    }

    fn is_overfull(&self, conn: &Conn, len: usize) -> bool {
        if conn.hub.config.limits().send_bytes > 0 {
            return false;
        }
        let stall = self.rare.as_ref().and_then(|rare| rare.stall.as_ref());
        len > FULL + stall.map_or(0, |stall| stall.granted)
    }

    /// Bytes of the partial frame, where they are counted.
    pub(super) fn partial(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| rare.partial)
    }

    pub(super) fn note_partial(&mut self, conn: &Conn, bytes: usize) {
        if self.rare.is_some() || (bytes > 0 && conn.hub.config.counts_partial()) {
            self.rare().partial = bytes;
        }
    }

    /// Bytes that the connection holds.
    fn holds(&self) -> usize {
        if self.proto.life.phase() >= Phase::Shut {
            return 0;
        }
        PER_CONNECTION + self.proto.load().event_bytes + self.proto.outbox.len() + self.partial()
    }

    /// Tells the set what the connection holds, where that is limited.
    #[inline]
    pub(super) fn charge(&mut self, conn: &Conn) {
        if conn.hub.config.is_special() || self.rare.is_some() {
            self.recharge(conn);
        }
    }

    fn recharge(&mut self, conn: &Conn) {
        if conn.hub.config.memory_limit() > 0 || self.charged() > 0 {
            let (before, holds) = (self.charged(), self.holds());
            conn.hub.memory_changed(before, holds);
            self.rare().charged = holds;
        }
    }

    fn charged(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| rare.charged)
    }

    /// True while nothing is read, for the sake of the connection's bounds or of the set's.
    pub(super) fn rests(&mut self, conn: &Conn) -> bool {
        self.starved = self.must_starve(conn);
        self.starved || self.proto.is_paused()
    }

    /// Not where sending has failed: what has arrived is all, and its end frees the rest.
    pub(super) fn must_starve(&self, conn: &Conn) -> bool {
        let open = self.proto.life.phase() == Phase::Open;
        open && self.proto.is_bounded() && self.is_a_burden(conn)
    }

    /// True if the set holds too much, and this connection more than its share.
    pub(super) fn is_a_burden(&self, conn: &Conn) -> bool {
        let limit = conn.hub.config.memory_limit();
        limit > 0 && conn.hub.memory() > limit && {
            let share = limit / conn.hub.connections().max(1);
            self.charged() > share.max(PER_CONNECTION + READ_SIZE / 4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_where_the_peer_was_slow_and_not_dead() {
        let mut stall = Stall::new(PATIENCE, FULL, 7);
        assert_eq!(stall.next_patience(7), PATIENCE, "it took nothing");
        let mut stall = Stall::new(PATIENCE, FULL, 7);
        for times in [2, 4, 8, 16, 32, 50, 50] {
            let patience = stall.next_patience(stall.taken + 1);
            assert_eq!(patience, times * PATIENCE);
            stall = Stall::new(patience, FULL, stall.taken + 1);
        }
    }
}
