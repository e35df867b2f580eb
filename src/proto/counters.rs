//! What one connection has done so far, in plain numbers: its lock is held wherever one of them
//! changes.
//!
//! Each frame is counted once, as what it is; what all frames come to is the sum.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Of frames, headers included.
    pub send_bytes: u64,
    pub recv_bytes: u64,
    /// Our calls: made, and answered with OK.
    pub calls_made: u64,
    pub calls_ok: u64,
    /// The peer's calls, and a handler's replies.
    pub requests_received: u64,
    pub requests_answered: u64,
    /// One-way messages.
    pub messages_sent: u64,
    pub messages_received: u64,
    uncommon: Option<Box<Uncommon>>,
}

/// What most connections never count: apart, so that idle ones stay small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncommon {
    /// Our calls that ended otherwise. The last three have no answer.
    pub calls_status: u64,
    pub calls_failed: u64,
    pub calls_timed_out: u64,
    pub calls_cancelled: u64,
    /// Of those, what was taken back before it could leave.
    pub calls_unsent: u64,
    /// Replies for want of a handler; received messages that no handler got.
    pub requests_refused: u64,
    pub messages_dropped: u64,
    /// Replies to calls that had ended, and to none that there was.
    pub late_replies: u64,
    pub stray_replies: u64,
    /// Times that reading stopped for want of room, and that `BUSY` was returned.
    pub reads_paused: u64,
    pub busy: u64,
}

impl Counters {
    /// To count with.
    pub fn uncommon(&mut self) -> &mut Uncommon {
        self.uncommon.get_or_insert_default()
    }

    /// To read.
    #[inline]
    pub fn others(&self) -> Uncommon {
        self.uncommon.as_deref().copied().unwrap_or_default()
    }

    /// Frames sent, or queued to be.
    pub fn send_msgs(&self) -> u64 {
        let others = self.others();
        let calls = self.calls_made - others.calls_unsent;
        calls + self.messages_sent + self.requests_answered + others.requests_refused
    }

    /// Frames received completely.
    pub fn recv_msgs(&self) -> u64 {
        let others = self.others();
        let replies = self.calls_ok + others.calls_status;
        let replies = replies + others.late_replies + others.stray_replies;
        self.requests_received + self.messages_received + replies
    }

    pub fn add(&mut self, other: &Counters) {
        self.send_bytes += other.send_bytes;
        self.recv_bytes += other.recv_bytes;
        self.calls_made += other.calls_made;
        self.calls_ok += other.calls_ok;
        self.requests_received += other.requests_received;
        self.requests_answered += other.requests_answered;
        self.messages_sent += other.messages_sent;
        self.messages_received += other.messages_received;
        if let Some(more) = &other.uncommon {
            self.uncommon().add(more);
        }
    }
}

impl Uncommon {
    fn add(&mut self, other: &Uncommon) {
        self.calls_status += other.calls_status;
        self.calls_failed += other.calls_failed;
        self.calls_timed_out += other.calls_timed_out;
        self.calls_cancelled += other.calls_cancelled;
        self.calls_unsent += other.calls_unsent;
        self.requests_refused += other.requests_refused;
        self.messages_dropped += other.messages_dropped;
        self.late_replies += other.late_replies;
        self.stray_replies += other.stray_replies;
        self.reads_paused += other.reads_paused;
        self.busy += other.busy;
    }
}
