//! A connection's events, as their runner sees them: see `dispatch`.

use super::outputs::Outputs;
use super::{requests, AsyncCall, Conn};
use crate::error::{Errno, Result};
use crate::proto::event::Event;
use crate::proto::life::Phase;
use crate::sync::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

impl Conn {
    /// Queued events wait until `start_events`; calls nest.
    pub fn stop_events(&self) -> Result<()> {
        self.hub.check_process()?;
        self.lock().proto.hold_events();
        self.interrupt.store(true, Ordering::Release);
        Ok(())
    }

    pub fn start_events(self: &Arc<Self>) -> Result<()> {
        self.hub.check_process()?;
        let mut out = Outputs::default();
        {
            let mut st = self.lock();
            if !st.proto.unhold_events() {
                return Err(Errno::INVAL);
            }
            out.claimed = st.proto.claim(&self.hub.config.limits());
            out.watch = st.begin_watch(self);
        }
        self.act(out);
        self.hub.observer.tell();
        Ok(())
    }

    /// Queues an I/O-error event.
    pub fn report(self: &Arc<Self>, text: String) {
        let mut out = Outputs::default();
        {
            let mut st = self.lock();
            if st.proto.life.phase() >= Phase::Shut {
                return;
            }
            self.leave_error(&text);
            st.proto.io_error(text);
            out.claimed = st.proto.claim(&self.hub.config.limits());
        }
        self.act(out);
        self.hub.observer.tell();
    }

    /// The application keeps a request; it is forgotten when the connection goes.
    pub fn keep_request(&self, key: u64) {
        {
            let mut st = self.lock();
            if st.proto.check_open(false).is_ok() {
                st.rare().kept.insert(key);
                return;
            }
        }
        requests::requests().forget([key]);
    }

    /// A kept request has been replied to.
    pub fn unkeep_request(&self, key: u64) {
        let mut st = self.lock();
        if let Some(rare) = &mut st.rare {
            rare.kept.remove(&key);
        }
    }

    /// Whether what handlers send should not be gathered over a batch of events.
    pub fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }

    pub fn note_pace(&self, slow: bool) {
        self.slow.store(slow, Ordering::Relaxed);
    }

    /// Starts to run events: the first, and up to `more` others in `batch`.
    pub fn begin_events(
        self: &Arc<Self>,
        more: usize,
        batch: &mut VecDeque<Event<AsyncCall>>,
    ) -> Option<Event<AsyncCall>> {
        let watch = {
            let mut st = self.lock();
            self.interrupt.store(false, Ordering::Relaxed);
            let limits = self.hub.config.limits();
            let first = st.proto.begin_events(more, batch, &limits);
            if first.is_some() {
                return first;
            }
            st.begin_watch(self)
        };
        if watch {
            self.list_watched();
        }
        None
    }

    /// True if the next event of a batch must not be run without a new look.
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Acquire)
    }

    /// Gives back the lane with what is left of the batch, and flushes what the batch
    /// gathered. True: the lane has to be scheduled again.
    #[must_use]
    pub fn finish_events(self: &Arc<Self>, batch: &mut VecDeque<Event<AsyncCall>>) -> bool {
        let mut out = Outputs::default();
        {
            let mut st = self.lock();
            out.flush = st.proto.outbox.begin_flush_of_all();
            st.proto.finish_events(batch);
            st.settle(self, &mut out);
        }
        let claimed = std::mem::take(&mut out.claimed);
        self.act(out);
        self.hub.observer.tell();
        claimed
    }
}
