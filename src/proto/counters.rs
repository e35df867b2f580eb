//! What one connection has done so far, in plain numbers: its lock is held wherever one of them
//! changes.
//!
//! Each frame is counted once, as what it is; what all frames come to is the sum.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Of frames, headers included.
    pub send_bytes: u64,
    pub recv_bytes: u64,
    /// Our calls: made, and how they ended. The last two have no answer.
    pub calls_made: u64,
    pub calls_ok: u64,
    pub calls_status: u64,
    pub calls_failed: u64,
    pub calls_timed_out: u64,
    pub calls_cancelled: u64,
    /// Of those, what was taken back before it could leave.
    pub calls_unsent: u64,
    /// The peer's calls, and our replies: a handler's, or for want of one.
    pub requests_received: u64,
    pub requests_answered: u64,
    pub requests_refused: u64,
    /// One-way messages; `dropped`: received ones that no handler got.
    pub messages_sent: u64,
    pub messages_received: u64,
    pub messages_dropped: u64,
    /// Replies to calls that had ended, and to none that there was.
    pub late_replies: u64,
    pub stray_replies: u64,
    /// Times that reading stopped for want of room, and that `BUSY` was returned.
    pub reads_paused: u64,
    pub busy: u64,
}

impl Counters {
    /// Frames sent, or queued to be.
    pub fn send_msgs(&self) -> u64 {
        let calls = self.calls_made - self.calls_unsent;
        calls + self.messages_sent + self.requests_answered + self.requests_refused
    }

    /// Frames received completely.
    pub fn recv_msgs(&self) -> u64 {
        let replies = self.calls_ok + self.calls_status + self.late_replies + self.stray_replies;
        self.requests_received + self.messages_received + replies
    }

    pub fn add(&mut self, other: &Counters) {
        self.send_bytes += other.send_bytes;
        self.recv_bytes += other.recv_bytes;
        self.calls_made += other.calls_made;
        self.calls_ok += other.calls_ok;
        self.calls_status += other.calls_status;
        self.calls_failed += other.calls_failed;
        self.calls_timed_out += other.calls_timed_out;
        self.calls_cancelled += other.calls_cancelled;
        self.calls_unsent += other.calls_unsent;
        self.requests_received += other.requests_received;
        self.requests_answered += other.requests_answered;
        self.requests_refused += other.requests_refused;
        self.messages_sent += other.messages_sent;
        self.messages_received += other.messages_received;
        self.messages_dropped += other.messages_dropped;
        self.late_replies += other.late_replies;
        self.stray_replies += other.stray_replies;
        self.reads_paused += other.reads_paused;
        self.busy += other.busy;
    }
}
