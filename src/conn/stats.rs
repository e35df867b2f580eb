//! What can be seen of a set and its connections.

use super::{Conn, ConnHub, Rare, State};
use crate::abi::{mrpc_conn_stats, mrpc_histogram, mrpc_set_stats};
use crate::error::Result;
use crate::latency::Counted;
use crate::proto::counters::Counters;
use crate::sync::Ordering;
use crate::sys::clock;
use std::sync::Arc;

/// When a connection came up, and when it carried something last.
#[derive(Default)]
pub(super) struct Times {
    opened_ms: u64,
    used_ms: u64,
}

impl Times {
    pub fn age_ms(&self) -> u64 {
        since(self.opened_ms)
    }

    fn idle_ms(&self) -> u64 {
        since(self.used_ms)
    }
}

/// 0 if it never was.
fn since(then_ms: u64) -> u64 {
    if then_ms == 0 {
        return 0;
    }
    clock::coarse_ms().saturating_sub(then_ms)
}

/// What waits at this moment.
#[derive(Default)]
struct Waiting {
    calls: u64,
    requests: u64,
    kept: u64,
    unsent: u64,
    undispatched: u64,
}

impl State {
    pub(super) fn begin_times(&mut self) {
        let now = clock::coarse_ms();
        self.times = Times {
            opened_ms: now,
            used_ms: now,
        };
    }

    /// Something was sent, or a whole frame received: after a system call, beside which the
    /// clock costs nothing.
    #[inline]
    pub(super) fn note_use(&mut self) {
        self.times.used_ms = clock::coarse_ms();
    }

    fn waiting(&self) -> Waiting {
        let kept = |rare: &Rare| rare.kept.len();
        let kept = self.rare.as_deref().map_or(0, kept);
        Waiting {
            calls: self.proto.outstanding() as u64,
            requests: self.proto.waiting(kept) as u64,
            kept: kept as u64,
            unsent: self.proto.outbox.len() as u64,
            undispatched: self.proto.load().event_bytes as u64,
        }
    }
}

impl Conn {
    pub fn stats(&self) -> Result<mrpc_conn_stats> {
        self.hub.check_process()?;
        let st = self.lock();
        let (c, waiting) = (&st.proto.counters, st.waiting());
        Ok(mrpc_conn_stats {
            size: size_of::<mrpc_conn_stats>(),
            id: self.id,
            age_ms: st.times.age_ms(),
            idle_ms: st.times.idle_ms(),
            bytes_sent: c.send_bytes,
            bytes_received: c.recv_bytes,
            messages_sent: c.messages_sent,
            messages_received: c.messages_received,
            calls_outstanding: waiting.calls,
            requests_waiting: waiting.requests,
            requests_kept: waiting.kept,
            bytes_unsent: waiting.unsent,
            bytes_undispatched: waiting.undispatched,
            late_replies: c.others().late_replies,
        })
    }

    /// Adds a user reference, unless the application has none left and the connection has ended.
    #[must_use]
    pub fn try_add_user(&self) -> bool {
        let held = |holds: usize| (holds > 0).then_some(holds + 1);
        let added = self
            .holds
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, held);
        added.is_ok()
    }

    /// A one-way message had no handler.
    #[cold]
    pub fn count_dropped_message(&self) {
        self.lock().proto.counters.uncommon().messages_dropped += 1;
    }
}

impl ConnHub {
    pub fn stats(&self) -> Result<mrpc_set_stats> {
        self.check_process()?;
        let (active, sums) = self.registry.read();
        let mut c: Counters = sums.gone;
        let mut waiting = Waiting::default();
        for conn in active {
            let st = conn.lock();
            c.add(&st.proto.counters);
            let more = st.waiting();
            waiting.calls += more.calls;
            waiting.requests += more.requests;
            waiting.kept += more.kept;
            waiting.unsent += more.unsent;
            waiting.undispatched += more.undispatched;
        }
        let others = c.others();
        let [disconnected_user, disconnected_closed, disconnected_error] = sums.disconnected;
        let [call_time, dispatch_wait, handler_time] = self.observer.read_latency().map(histogram);
        Ok(mrpc_set_stats {
            size: size_of::<mrpc_set_stats>(),
            connections: sums.connections,
            connections_max: sums.connections_max,
            accepted: sums.accepted,
            connected: sums.connected,
            bound: sums.bound,
            connections_refused: sums.refused,
            disconnected_user,
            disconnected_closed,
            disconnected_error,
            calls_made: c.calls_made,
            calls_ok: c.calls_ok,
            calls_status: others.calls_status,
            calls_failed: others.calls_failed,
            calls_timed_out: others.calls_timed_out,
            calls_cancelled: others.calls_cancelled,
            calls_outstanding: waiting.calls,
            requests_received: c.requests_received,
            requests_answered: c.requests_answered,
            requests_refused: others.requests_refused,
            requests_waiting: waiting.requests,
            requests_kept: waiting.kept,
            messages_sent: c.messages_sent,
            messages_received: c.messages_received,
            messages_dropped: others.messages_dropped,
            bytes_sent: c.send_bytes,
            bytes_received: c.recv_bytes,
            bytes_unsent: waiting.unsent,
            bytes_undispatched: waiting.undispatched,
            late_replies: others.late_replies,
            reads_paused: others.reads_paused,
            accepts_paused: sums.accepts_paused,
            busy: others.busy,
            handshakes_failed: sums.handshakes_failed,
            call_time,
            dispatch_wait,
            handler_time,
        })
    }

    /// Gives each active connection to `func`, with a reference that lasts as long as the call,
    /// and with no lock held.
    pub fn for_each_connection(&self, mut func: impl FnMut(&Arc<Conn>)) -> Result<()> {
        self.check_process()?;
        let (active, _) = self.registry.read();
        for conn in active {
            if conn.try_add_user() {
                func(&conn);
                conn.drop_user();
            }
        }
        Ok(())
    }
}

fn histogram(counted: Counted) -> mrpc_histogram {
    let Counted {
        count,
        sum_ns,
        max_ns,
        buckets,
    } = counted;
    mrpc_histogram {
        count,
        sum_ns,
        max_ns,
        bucket: buckets,
    }
}
