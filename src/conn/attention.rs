//! Who attends to a connection's readability: the loop, or sync callers.
//!
//! While sync calls are all that a connection carries, it is *lent* to its callers: readability
//! is not reported to the loop, whose driver would be woken by every reply for nothing. A lent
//! connection in which no caller sits is looked at by the background, which takes it back after
//! two quiet looks, or when it has got anything but sync replies.

use super::{Conn, State};
use crate::proto::life::Phase;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attention {
    Loop,
    /// The loop again; the background, which has it on its list, does not know yet.
    LoopAgain,
    /// Sync callers. `used`: there was a call since the background's last look; `quiet`: its
    /// looks since one found that.
    Callers {
        used: bool,
        quiet: u8,
    },
}

impl Attention {
    pub fn is_lent(self) -> bool {
        matches!(self, Attention::Callers { .. })
    }

    /// A sync call is made.
    pub fn note_call(&mut self) {
        if let Attention::Callers { used, .. } = self {
            *used = true;
        }
    }
}

impl Conn {
    /// Stops the loop from hearing of replies. With the reading right held.
    pub(super) fn lend(self: &Arc<Self>) {
        let unlisted = {
            let mut st = self.lock();
            let open = st.proto.life.phase() == Phase::Open;
            if st.attention.is_lent() || !open || !st.proto.is_solitary() {
                return;
            }
            let Some(place) = st.place else { return };
            let unlisted = st.attention == Attention::Loop;
            st.attention = Attention::Callers {
                used: false,
                quiet: 0,
            };
            self.publish(&st);
            self.shard().reactor.set_interest(self.fd(), place, false);
            unlisted
        };
        if unlisted {
            self.hub.shards.lent(self.shard_number(), Arc::clone(self));
        }
    }

    /// Lets the loop hear of everything again; an edge comes if something is there to read.
    pub(super) fn take_back(&self, st: &mut State) {
        if !st.attention.is_lent() {
            return;
        }
        if let Some(place) = st.place {
            self.shard().reactor.set_interest(self.fd(), place, true);
        }
        st.attention = Attention::LoopAgain;
        self.publish(st);
    }

    /// The background's look at a connection on its list. False: it is not lent any more.
    pub fn check_lent(self: &Arc<Self>, buf: &mut Vec<u8>) -> bool {
        const QUIET_LOOKS: u8 = 2;
        let quiet = {
            let mut st = self.lock();
            let Attention::Callers { used, quiet } = &mut st.attention else {
                st.attention = Attention::Loop;
                return false;
            };
            *quiet = if std::mem::take(used) {
                0
            } else {
                quiet.saturating_add(1)
            };
            *quiet >= QUIET_LOOKS
        };
        // A caller that sits in recv attends.
        if self.reading.is_held() {
            return true;
        }
        let more = self.read_some(buf);
        let mut st = self.lock();
        if quiet || more || !st.proto.is_solitary() || st.proto.life.phase() != Phase::Open {
            self.take_back(&mut st);
            st.attention = Attention::Loop;
            return false;
        }
        true
    }
}
