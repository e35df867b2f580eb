//! The end of a connection whose set is drained: see `crate::drain`.
//!
//! Its requests that have arrived are answered, later ones refused, and our own calls waited
//! for. When nothing is left, our side ends (`Phase::Parting`), and when the peer's has, too,
//! the connection does. Nothing on the wire tells a peer that we drain but the refusal of its
//! next request, and one that is on its way when our side ends gets no answer at all. So our
//! side ends only after nothing has come for a while.

use super::outputs::Outputs;
use super::watch::Still;
use super::Conn;
use crate::proto::life::{Phase, Reason};
use crate::sys::net::Direction;
use crate::sys::socket;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A peer that calls again and again has sent its next request by then.
const QUIET: Duration = Duration::from_millis(50);

impl Conn {
    /// Of all that the registry had when it was closed; whoever comes later is turned away there.
    pub fn begin_drain(self: &Arc<Self>, now: Instant) {
        let mut out = Outputs::default();
        {
            let mut st = self.lock();
            st.proto.drain();
            let messages = st.messages();
            st.rare().quiet = Some(Still::new(messages, now));
            out.watch = st.begin_watch(self);
        }
        self.act(out);
    }

    /// One look at a draining connection. True: it has ended, and nothing of it is left but
    /// events.
    pub fn drain_some(&self, now: Instant) -> bool {
        {
            let mut st = self.lock();
            let messages = st.messages();
            let quiet = st.rare().quiet.as_mut();
            let quiet = quiet.is_some_and(|still| still.look(messages, now) >= QUIET);
            // What waits to be read, or was read just now, came in time: we are late.
            let fd = self.fd();
            let silent = quiet && fd >= 0 && !socket::has_input(fd) && !self.reading.is_held();
            let parts = silent && st.proto.part();
            if parts {
                self.publish(&st);
            }
            // Under the lock: without it, the descriptor may be closed.
            match self.secure.get() {
                None if parts => socket::shutdown(fd, Direction::Write),
                Some(secure) if st.proto.life.phase() == Phase::Parting => {
                    self.part_sealed(secure, fd);
                }
                _ => {}
            }
        }
        self.is_past(Phase::Closing)
    }

    /// There is no more time: ends at once, as if its user had closed it.
    pub fn give_up_drain(self: &Arc<Self>) {
        // An error says that it is closed.
        let _ = self.close();
        self.shut(Reason::User, None);
    }
}
