//! Sync calls: the caller reads its own reply.
//!
//! A caller takes the connection's reading right and sits in `recv`, so that no other thread
//! has to be woken for the reply. Callers that find the right taken list themselves and sleep;
//! whoever lets go of the right promotes one of them.
//!
//! INV-R1: a connection with an outstanding sync call has a holder of the reading right, or is
//!         registered as readable, or is on the background's lent list.
//! INV-R2: a sleeper lists itself under the lock before its second try for the right; whoever
//!         completes it takes it off the list under that lock. So a promotion is never spent
//!         on a caller that is done.
//! INV-R3: wake-ups happen after unlocking. Spurious ones are allowed, lost ones are not.

use super::early::{Bound, Terms};
use super::receive::{Got, Own, OwnCall, Reader};
use super::send::frame_len;
use super::{Conn, SendError};
use crate::local;
use crate::proto::connection::Call;
use crate::proto::life::Phase;
use crate::proto::payload::Arrived;
use crate::proto::status;
use crate::proto::step::What;
use crate::proto::terms::NEVER;
use crate::reactor::spin::{self, End};
use crate::sync::race_point;
use crate::sync::right::Held;
use crate::sys::eventfd::EventFd;
use crate::sys::net::Wait;
use crate::sys::{clock, socket};
use crate::waiter::{Outcome, Waiter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// Sync callers of this process that wait: with more than one, nobody spins.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// A blocking wait below this makes spinning look worth while again.
const SHORT_WAIT: Duration = Duration::from_micros(65);

impl Conn {
    /// Makes a call and waits for its end; `with` gets the status and the payload, with no
    /// lock or right held. `pieces` follow `frame`, which begins with the header.
    pub fn call<R>(
        self: &Arc<Self>,
        cmd: i32,
        terms: &Terms<'_>,
        frame: &mut [u8],
        pieces: &[&[u8]],
        with: impl FnOnce(i32, Arrived<'_>) -> R,
    ) -> Result<R, SendError> {
        let waiter = local::waiter();
        let deadline = Conn::deadline(terms);
        let special = self.hub.config.is_special();
        let made = self.hub.observer.time();
        let mut st = self.lock();
        st.proto.check_open(true)?;
        let len = frame_len(frame, pieces);
        if special {
            st = self.make_room(st, len)?;
            st.proto.check_open(true)?;
        }
        if st.proto.is_constrained() && st.proto.is_far_over(&self.hub.config.limits()) {
            st.proto.counters.uncommon().busy += 1;
            return Err(SendError::Busy);
        }
        if !st.proto.outbox.is_free() && !st.proto.outbox.reserve(len) {
            return Err(SendError::NoMemory);
        }
        let mut bound;
        let mut bound_at = None;
        if !terms.is_none() {
            bound = st.sync_bound(self, terms, deadline)?;
            bound_at = Some(&mut bound);
            local::write_until(deadline);
        }
        let sequence = st.proto.call(Call::Sync {
            cmd,
            made,
            waiter: Arc::clone(&waiter),
        });
        if terms.key.is_some() {
            st.bound(sequence, NEVER, terms);
        }
        st.attention.note_call();
        frame[..4].copy_from_slice(&sequence.to_be_bytes());
        st.proto.count_sent(len);
        let lend = st.proto.is_solitary();
        if st.proto.outbox.begin_direct(1) {
            drop(st);
            self.write_frame(frame, pieces, false);
        } else {
            st.proto.outbox.append(frame, pieces, 1, true);
            let flush = st.proto.outbox.begin_flush();
            drop(st);
            if let Some(chunk) = flush {
                self.write_out(chunk);
            }
        }
        if special {
            self.after_special();
        }
        if made > 0 {
            self.tell_sent(What::RequestOut, frame, made, 0);
        }
        let spin = self.hub.spin_limit();
        if spin.is_some() {
            WAITING.fetch_add(1, Ordering::Relaxed);
        }
        let result = self.wait(sequence, &waiter, lend, spin, bound_at, with);
        if deadline != NEVER {
            local::write_until(NEVER);
        }
        if spin.is_some() {
            WAITING.fetch_sub(1, Ordering::Relaxed);
        }
        self.hub.observer.tell();
        Ok(result)
    }

    fn wait<R>(
        self: &Arc<Self>,
        sequence: u32,
        waiter: &Arc<Waiter>,
        lend: bool,
        spin: Option<Duration>,
        bound: Option<&mut Bound>,
        with: impl FnOnce(i32, Arrived<'_>) -> R,
    ) -> R {
        local::with_read_buffer(|buf| {
            let mut call = OwnCall {
                sequence,
                reply: None,
                ended: false,
                bound,
            };
            loop {
                if let Some(Outcome {
                    status,
                    mut payload,
                }) = waiter.take()
                {
                    return with(status, payload.arrived());
                }
                let held = match self.reading.try_take() {
                    Some(held) => Some(held),
                    None => self.sleep_listed(&mut call, waiter),
                };
                if let Some(held) = held {
                    self.read_own(held, &mut call, waiter, lend, spin, buf);
                }
                match call.reply.take() {
                    Some(Own::InBuffer { status, from, len }) => {
                        return with(status, Arrived::Slice(&buf[from..from + len]));
                    }
                    Some(Own::Apart {
                        status,
                        mut payload,
                    }) => return with(status, payload.arrived()),
                    None => {}
                }
                let over = call.bound.as_ref().is_some_and(|bound| bound.is_over());
                if over && self.time_out(sequence, waiter) {
                    return with(status::TIMEDOUT, Arrived::Slice(&[]));
                }
            }
        })
    }

    /// Sleeps on the list of those who want the right; gives it if it turns free meanwhile.
    fn sleep_listed(
        &self,
        call: &mut OwnCall<'_>,
        waiter: &Arc<Waiter>,
    ) -> Option<Held<'_, Reader>> {
        let outstanding = {
            let mut st = self.lock();
            let outstanding = st.proto.is_outstanding(call.sequence);
            if outstanding {
                st.sleepers.push(Arc::clone(waiter));
                self.has_sleepers
                    .store(!st.sleepers.is_empty(), Ordering::SeqCst);
            }
            outstanding
        };
        if outstanding {
            race_point();
            if let Some(held) = self.reading.try_take() {
                self.delist(waiter);
                return Some(held);
            }
        }
        // Not outstanding: it has been completed, and the poke is on its way.
        waiter.sleep(call.bound.as_mut().and_then(|bound| bound.left_to_sleep()));
        self.delist(waiter);
        None
    }

    fn delist(&self, waiter: &Arc<Waiter>) {
        let mut st = self.lock();
        st.sleepers.retain(|s| !Arc::ptr_eq(s, waiter));
        self.has_sleepers
            .store(!st.sleepers.is_empty(), Ordering::SeqCst);
    }

    /// Reads until the own call has ended, one way or another.
    fn read_own(
        self: &Arc<Self>,
        mut held: Held<'_, Reader>,
        call: &mut OwnCall<'_>,
        waiter: &Arc<Waiter>,
        lend: bool,
        spin: Option<Duration>,
        buf: &mut Vec<u8>,
    ) {
        if lend && !self.is_lent() && self.hub.shards.can_lend() && !local::is_handling() {
            self.lend();
        }
        let mut lost = false;
        while call.reply.is_none() && !lost {
            // Whoever ends the call or the connection does so first, and then looks at this.
            held.set_waiting(true);
            if waiter.is_done() {
                call.ended = true;
                break;
            }
            let ending = self.is_past(Phase::Open);
            let (got, claimed) = if ending {
                self.read_once(&mut held, buf, Wait::Not, Some(call))
            } else if let Some(limit) = spin {
                self.read_spinning(&mut held, buf, call, limit)
            } else {
                self.read_waiting(&mut held, buf, call)
            };
            if claimed {
                // Not ours to run: we wait for our reply.
                self.hub.schedule(Arc::clone(self));
            }
            // A blocking read that found nothing was ended by a shutdown, or by a bound.
            lost = match (got, &call.bound) {
                (Got::Ended, _) => true,
                (Got::Nothing, None) => true,
                (Got::Nothing, Some(bound)) => ending || bound.is_over(),
                (_, Some(bound)) => call.reply.is_none() && bound.is_over(),
                (_, None) => false,
            };
        }
        held.set_waiting(false);
        if held.unsolicited && self.is_lent() {
            // More may come while nobody calls.
            self.take_back(&mut self.lock());
        }
        self.let_go(held, buf, Some(call));
    }

    /// Reads without sleeping for a while, if that has paid lately, and then blocking.
    fn read_spinning(
        self: &Arc<Self>,
        held: &mut Held<'_, Reader>,
        buf: &mut Vec<u8>,
        call: &mut OwnCall<'_>,
        limit: Duration,
    ) -> (Got, bool) {
        if held.peer_here {
            return self.read_waiting(held, buf, call);
        }
        if WAITING.load(Ordering::Relaxed) == 1 && held.spin.wanted() {
            let end = spin::poll(limit, || {
                let (got, claimed) = self.read_once(held, buf, Wait::Not, Some(call));
                (!matches!(got, Got::Nothing)).then_some((got, claimed))
            });
            match end {
                End::Found(found) => {
                    held.spin.hit();
                    return found;
                }
                End::Vain => held.spin.miss(),
                End::Interrupted => held.spin.interrupted(),
            }
        }
        let start = clock::now();
        let end = self.read_waiting(held, buf, call);
        held.spin.blocked(clock::now() - start, SHORT_WAIT);
        end
    }

    /// Reads, sleeping until there is something; or until the bound of the call.
    #[inline]
    fn read_waiting(
        self: &Arc<Self>,
        held: &mut Held<'_, Reader>,
        buf: &mut Vec<u8>,
        call: &mut OwnCall<'_>,
    ) -> (Got, bool) {
        match &mut call.bound {
            None => self.read_once(held, buf, Wait::Ever, Some(call)),
            Some(bound) => {
                let wait = self.wait_bounded(held, bound);
                self.read_once(held, buf, wait, Some(call))
            }
        }
    }

    /// Sleeps until there is something to read, or lets the `recv` do so, which is cheaper.
    #[cold]
    fn wait_bounded(&self, held: &mut Held<'_, Reader>, bound: &mut Bound) -> Wait {
        let wake = self.wake.get().filter(|_| bound.cancellable);
        if wake.is_none() {
            if let Some(limit) = bound.recv_limit() {
                if held.recv_limit != limit {
                    socket::limit_recv(self.fd(), Duration::from_millis(limit.into()));
                    held.recv_limit = limit;
                }
                return Wait::Limited;
            }
        }
        if socket::wait_readable(self.fd(), wake.map(EventFd::as_raw), bound.left()) {
            // Whoever is meant looks whether it is done after this.
            wake.inspect(|wake| wake.clear());
        }
        Wait::Not
    }
}
