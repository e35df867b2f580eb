//! A connection: its socket, its protocol state, its life.
//!
//! Who may touch what:
//! - the state lock guards the protocol state and everything in `State`; no system call that
//!   can block is made under it, and no C code runs;
//! - the reading right (`Right`) covers the receiving side of the socket and the partial
//!   frame; nobody waits for it;
//! - the outbox's `writing` flag covers the sending side;
//! - INV-C1: the descriptor is closed by whoever finds the connection shut, holding the
//!   reading right, while nobody writes or waits for room. So no descriptor is used after it
//!   was closed, and no lock is held during I/O.
//! - INV-C2: `shut` is done once; it queues the disconnect event, which is the last.

mod keys;
mod receive;
pub mod requests;
mod send;
mod wait;

pub use send::{Kind, SendError};

use crate::abi::reply_callback_fn;
use crate::error::{Errno, Result};
use crate::proto::connection::{CloseError, Connection, Refusal};
use crate::proto::event::Event;
use crate::proto::phase::{Phase, Reason};
use crate::proto::status;
use crate::reactor::Place;
use crate::set::{Set, Watched};
use crate::sync::right::{Held, Right};
use crate::sync::{Mutex, MutexGuard};
use crate::sys::resolve::resolve;
use crate::sys::socket::{self, ConnectError, Direction};
use crate::waiter::{Outcome, Waiter};
use receive::Reader;
use requests::requests;
use std::collections::{HashSet, VecDeque};
use std::ffi::{c_void, CStr};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};
use std::sync::Arc;

/// What an async call keeps for its callback.
#[derive(Clone, Copy)]
pub struct AsyncCall {
    pub cmd: i32,
    pub callback: reply_callback_fn,
    /// The application's pointer, as an exposed address: it is only ever handed back.
    pub private: usize,
}

pub struct Conn {
    set: Arc<Set>,
    cookie: AtomicPtr<c_void>,
    operations: AtomicPtr<c_void>,
    /// User references, plus one while the connection is active.
    holds: AtomicUsize,
    /// -1: not connected, or closed.
    fd: AtomicI32,
    state: Mutex<State>,
    reading: Right<Reader>,
    /// Listed sync callers that wait for the reading right.
    sleepers: AtomicUsize,
    /// Readability is not reported to the loop: sync callers attend (see wait.rs).
    lent: AtomicBool,
    /// A runner of this connection's events has to look at the state before the next one.
    interrupt: AtomicBool,
    /// A sync caller sits in `recv`, or is about to.
    waiting: AtomicBool,
    /// A send failed: the reader decides how the connection ended, and does not wait.
    broken: AtomicBool,
    /// Shut: whoever holds the reading right closes the descriptor.
    dead: AtomicBool,
    /// Its handlers took long lately.
    slow: AtomicBool,
    /// Closed by its user: queued requests and errors are dropped.
    muted: AtomicBool,
}

struct State {
    /// The handle's reference to its connection, while C may use the handle.
    handle: Option<Arc<Conn>>,
    proto: Connection<Arc<Waiter>, AsyncCall>,
    place: Option<Place>,
    /// A thread is in `connect` or `bind`.
    opening: bool,
    /// A caller's `recv` was ended by a shutdown.
    read_shut: bool,
    /// Why a send failed, where the reader could not tell.
    write_error: Option<Errno>,
    /// Threads that wait for the peer to read.
    throttled: u32,
    sleepers: Vec<Arc<Waiter>>,
    /// Sync calls made: tells the background whether a lent connection is in use.
    sync_calls: u32,
    last_look: u32,
    quiet_looks: u8,
    /// On the background's list of lent connections.
    listed: bool,
    /// Requests that the application kept, to be forgotten with the connection.
    #[allow(clippy::box_collection, reason = "a word where most keep none")]
    kept: Option<Box<HashSet<u64>>>,
    pace: send::Pace,
}

impl Conn {
    /// A new handle with one user reference; `data` NULL: the cookie is the handle itself.
    pub fn create(set: &Arc<Set>, data: *mut c_void) -> Result<Arc<Conn>> {
        set.check_process()?;
        set.handle_made();
        let conn = Arc::new(Conn {
            set: Arc::clone(set),
            cookie: AtomicPtr::new(data),
            operations: AtomicPtr::new(std::ptr::null_mut()),
            holds: AtomicUsize::new(1),
            fd: AtomicI32::new(-1),
            state: Mutex::new(State {
                handle: None,
                proto: Connection::default(),
                place: None,
                opening: false,
                read_shut: false,
                write_error: None,
                throttled: 0,
                sleepers: Vec::new(),
                sync_calls: 0,
                last_look: 0,
                quiet_looks: 0,
                listed: false,
                kept: None,
                pace: send::Pace::default(),
            }),
            reading: Right::new(Reader::default()),
            sleepers: AtomicUsize::new(0),
            lent: AtomicBool::new(false),
            interrupt: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            muted: AtomicBool::new(false),
        });
        conn.lock().handle = Some(Arc::clone(&conn));
        if data.is_null() {
            conn.cookie
                .store(conn.as_handle().cast(), Ordering::Relaxed);
        }
        Ok(conn)
    }

    /// The address that C knows the connection by.
    pub fn as_handle(self: &Arc<Self>) -> *mut Conn {
        Arc::as_ptr(self).cast_mut()
    }

    pub fn set(&self) -> &Arc<Set> {
        &self.set
    }

    pub fn cookie(&self) -> *mut c_void {
        self.cookie.load(Ordering::Acquire)
    }

    pub fn set_cookie(&self, data: *mut c_void) {
        self.cookie.store(data, Ordering::Release);
    }

    pub fn operations(&self) -> *const c_void {
        self.operations.load(Ordering::Acquire)
    }

    /// Takes effect for the next request that is dispatched.
    pub fn set_operations(&self, operations: *const c_void) {
        self.operations
            .store(operations.cast_mut(), Ordering::Release);
    }

    pub fn is_muted(&self) -> bool {
        self.muted.load(Ordering::Acquire)
    }

    /// Whether what handlers send should not be gathered over a batch of events.
    pub fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }

    pub fn note_pace(&self, slow: bool) {
        self.slow.store(slow, Ordering::Relaxed);
    }

    /// Adds a user reference.
    pub fn add_user(&self) {
        self.holds.fetch_add(1, Ordering::Relaxed);
    }

    /// Drops a user reference. The handle may be gone when this returns.
    pub fn drop_user(&self) {
        if self.set.check_process().is_err() {
            self.close_copy();
        } else {
            self.drop_hold();
        }
    }

    /// The disconnect callback has returned.
    pub fn end_active(&self) {
        self.lock().proto.life.advance(Phase::Gone, None);
        self.drop_hold();
    }

    fn drop_hold(&self) {
        if self.holds.fetch_sub(1, Ordering::AcqRel) == 1 {
            // The callers have references of their own, so this is not the last one here.
            let handle = self.lock().handle.take();
            self.set.handle_gone();
            drop(handle);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn fd(&self) -> RawFd {
        self.fd.load(Ordering::Acquire)
    }

    /// In a forked child: closes this process's copy of the descriptor, without a lock.
    fn close_copy(&self) {
        let fd = self.fd.swap(-1, Ordering::AcqRel);
        if fd >= 0 {
            drop(socket::own(fd));
        }
    }

    /// Resolves and connects, trying every address in turn.
    pub fn connect(
        self: &Arc<Self>,
        family: i32,
        host: Option<&CStr>,
        service: &CStr,
    ) -> Result<()> {
        self.set.check_process()?;
        if self.set.role().is_server() {
            return Err(Errno::INVAL);
        }
        let make = || {
            let mut error = Errno(libc::ENOENT);
            let mut refused = false;
            for address in resolve(family, host, Some(service), false)? {
                match socket::connect(&address) {
                    Ok(fd) => return Ok((fd, address.family)),
                    Err(ConnectError::Connect(e)) => {
                        error = e;
                        refused = true;
                    }
                    Err(ConnectError::Socket(e)) if !refused => error = e,
                    Err(ConnectError::Socket(_)) => {}
                }
            }
            Err(error)
        };
        self.opening(make, drop)
    }

    /// Takes over a connected stream socket; on an error it stays the caller's.
    pub fn bind(self: &Arc<Self>, fd: RawFd) -> Result<()> {
        self.set.check_process()?;
        let family = socket::peer_family(fd)?;
        if !socket::is_stream(fd)? {
            return Err(Errno(libc::EPROTONOSUPPORT));
        }
        self.opening(
            || Ok((socket::own(fd), family)),
            |fd| {
                let _ = fd.into_raw_fd();
            },
        )
    }

    /// The state of a handle while a socket is made for it: one thread at a time, once.
    fn opening(
        self: &Arc<Self>,
        make: impl FnOnce() -> Result<(OwnedFd, i32)>,
        give_back: impl FnOnce(OwnedFd),
    ) -> Result<()> {
        {
            let mut st = self.lock();
            if st.opening || st.proto.life.phase() != Phase::New {
                return Err(Errno::INVAL);
            }
            st.opening = true;
        }
        let made = make().and_then(|(fd, family)| {
            let opened = self.open(fd, family, None);
            opened.map(drop).map_err(|(e, fd)| {
                give_back(fd);
                e
            })
        });
        self.lock().opening = false;
        made
    }

    /// Starts the active life on a connected socket, or gives it back. An accepted connection's first event is
    /// queued before anything can arrive; true: the caller has to schedule its lane.
    pub fn open(
        self: &Arc<Self>,
        fd: OwnedFd,
        family: i32,
        accepted: Option<Vec<u8>>,
    ) -> std::result::Result<bool, (Errno, OwnedFd)> {
        let raw = fd.as_raw_fd();
        socket::prepare(raw, family, self.set.config().keepalive());
        // With the right held, nothing is read before the state says so.
        let held = self.reading.try_take();
        let place = match self
            .set
            .reactor()
            .register(raw, Watched::Conn(Arc::clone(self)))
        {
            Ok(place) => place,
            Err(e) => return Err((e, fd)),
        };
        self.holds.fetch_add(1, Ordering::Relaxed);
        self.fd.store(fd.into_raw_fd(), Ordering::Release);
        let claimed = {
            let mut st = self.lock();
            st.place = Some(place);
            st.proto.life.advance(Phase::Open, None);
            if let Some(from) = accepted {
                st.proto.lane.push(Event::Accept(from));
            }
            st.proto.lane.claim()
        };
        let mut asked = held.and_then(Held::release);
        if asked.is_some() {
            while let Some(held) = asked {
                asked = held.release();
            }
            self.set.reactor().again(Watched::Conn(Arc::clone(self)));
        }
        Ok(claimed)
    }

    /// Indexed as `enum mrpc_conn_counter`; None beyond it.
    pub fn counter(&self, index: usize) -> Option<u64> {
        self.set.check_process().ok()?;
        let c = self.lock().proto.counters;
        [c.send_bytes, c.recv_bytes, c.send_msgs, c.recv_msgs]
            .get(index)
            .copied()
    }

    /// Closes: what is queued is sent first; see `mrpc_conn_close`.
    pub fn close(self: &Arc<Self>) -> Result<()> {
        if self.set.check_process().is_err() {
            self.close_copy();
            return Ok(());
        }
        let (waiters, claimed, flush) = {
            let mut st = self.lock();
            let waiters = st.proto.close().map_err(|e| match e {
                CloseError::NeverConnected => Errno(libc::ENOTCONN),
                CloseError::Already => Errno(libc::EALREADY),
            })?;
            self.muted.store(true, Ordering::Release);
            self.interrupt.store(true, Ordering::Release);
            self.clear_sleepers(&mut st);
            let flush = st.proto.outbox.begin_flush();
            (waiters, st.proto.lane.claim(), flush)
        };
        fail(waiters);
        if claimed {
            self.set.schedule(Arc::clone(self));
        }
        match flush {
            Some(chunk) => self.write_out(chunk),
            None => self.shut_if_drained(),
        }
        self.end_recv();
        Ok(())
    }

    /// While a closing connection's queue waits for the peer to read, a sync caller may still
    /// sit in `recv`. It looks whether it is done after it has said that it waits, and we look
    /// whether it waits after its call has failed. Nobody else is disturbed: on a Unix socket
    /// the peer, which may be writing, would be refused.
    fn end_recv(&self) {
        let mut st = self.lock();
        if st.proto.life.phase() == Phase::Closing
            && self.waiting.load(Ordering::SeqCst)
            && self.fd() >= 0
        {
            st.read_shut = true;
            socket::shutdown(self.fd(), Direction::Read);
        }
    }

    fn clear_sleepers(&self, st: &mut State) {
        for waiter in st.sleepers.drain(..) {
            waiter.promote();
        }
        self.sleepers.store(0, Ordering::SeqCst);
    }

    /// A closing connection that has sent everything ends here.
    fn shut_if_drained(self: &Arc<Self>) {
        if self.lock().proto.is_drained() {
            self.shut(Reason::User, None);
        }
    }

    /// The connection is dead: fails its calls, queues what is left to tell, lets go of the
    /// socket.
    fn shut(self: &Arc<Self>, reason: Reason, error: Option<String>) {
        let (waiters, claimed, kept) = {
            let mut st = self.lock();
            if st.proto.life.phase() >= Phase::Shut {
                return;
            }
            if let Some(text) = error {
                st.proto.io_error(text);
            }
            let Some(waiters) = st.proto.shut(reason) else {
                return;
            };
            self.clear_sleepers(&mut st);
            (waiters, st.proto.lane.claim(), st.kept.take())
        };
        self.dead.store(true, Ordering::SeqCst);
        fail(waiters);
        self.shut_socket();
        requests().forget(kept.into_iter().flat_map(|keys| *keys));
        if claimed {
            self.set.schedule(Arc::clone(self));
        }
        self.reap();
    }

    /// Tells the peer that this is the end, and a sync caller that sits in `recv`, as in
    /// `end_recv`.
    fn shut_socket(&self) {
        let mut st = self.lock();
        if self.fd() < 0 {
            return;
        }
        if self.waiting.load(Ordering::SeqCst) {
            st.read_shut = true;
            socket::shutdown(self.fd(), Direction::Both);
        } else {
            socket::shutdown(self.fd(), Direction::Write);
        }
    }

    /// Closes the descriptor if nobody uses it; else whoever does will come here (INV-C1).
    fn reap(self: &Arc<Self>) {
        let mut asked = self.reading.ask();
        while let Some(held) = asked {
            self.reap_held(&held);
            asked = held.release();
        }
    }

    fn reap_held(&self, _reading: &Held<'_, Reader>) {
        let (fd, place, read_shut) = {
            let mut st = self.lock();
            let busy = st.proto.outbox.is_writing() || st.throttled > 0;
            if st.proto.life.phase() < Phase::Shut || busy {
                return;
            }
            let fd = self.fd.swap(-1, Ordering::AcqRel);
            (fd, st.place.take(), st.read_shut)
        };
        if fd < 0 {
            return;
        }
        if let Some(place) = place {
            self.set.reactor().deregister(fd, place);
        }
        let fd = socket::own(fd);
        // Closing with unread bytes sends a reset, which may overtake our last messages. Without
        // one, a peer that is writing waits: for the window, which reading opens, unless that
        // was shut.
        if read_shut {
            return;
        }
        let mut sink = [0u8; 4096];
        for _ in 0..64 {
            match socket::recv(fd.as_raw_fd(), &mut sink, false) {
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
    }

    /// Queued events wait until `start_events`; calls nest.
    pub fn stop_events(&self) -> Result<()> {
        self.set.check_process()?;
        self.lock().proto.lane.hold();
        self.interrupt.store(true, Ordering::Release);
        Ok(())
    }

    pub fn start_events(self: &Arc<Self>) -> Result<()> {
        self.set.check_process()?;
        let claimed = self.lock().proto.lane.unhold().ok_or(Errno::INVAL)?;
        if claimed {
            self.set.schedule(Arc::clone(self));
        }
        Ok(())
    }

    /// Queues an I/O-error event.
    pub fn report(self: &Arc<Self>, text: String) {
        let claimed = {
            let mut st = self.lock();
            if st.proto.life.phase() >= Phase::Shut {
                return;
            }
            st.proto.io_error(text);
            st.proto.lane.claim()
        };
        if claimed {
            self.set.schedule(Arc::clone(self));
        }
    }

    /// The application keeps a request; it is forgotten when the connection goes.
    pub fn keep_request(&self, key: u64) {
        {
            let mut st = self.lock();
            if st.proto.life.phase() == Phase::Open {
                st.kept.get_or_insert_default().insert(key);
                return;
            }
        }
        requests().forget([key]);
    }

    /// A kept request has been replied to.
    pub fn unkeep_request(&self, key: u64) {
        let mut st = self.lock();
        if let Some(kept) = &mut st.kept {
            kept.remove(&key);
            if kept.is_empty() {
                st.kept = None;
            }
        }
    }

    // --- the runner's side of the lane; see dispatch/mod.rs

    /// Starts to run events: the first, and up to `more` others in `batch`.
    pub fn begin_events(
        &self,
        more: usize,
        batch: &mut VecDeque<Event<AsyncCall>>,
    ) -> Option<Event<AsyncCall>> {
        let mut st = self.lock();
        self.interrupt.store(false, Ordering::Relaxed);
        st.proto.begin_events(more, batch)
    }

    /// True if the next event of a batch must not be run without a new look.
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Acquire)
    }

    /// Gives back the lane with what is left of the batch, and flushes what the batch
    /// gathered. True: the lane has to be scheduled again.
    #[must_use]
    pub fn finish_events(self: &Arc<Self>, batch: &mut VecDeque<Event<AsyncCall>>) -> bool {
        let (claimed, flush, resume) = {
            let mut st = self.lock();
            let flush = st.proto.outbox.begin_flush();
            let claimed = st.proto.finish_events(batch);
            (claimed, flush, st.proto.resume())
        };
        if resume {
            self.set.reactor().again(Watched::Conn(Arc::clone(self)));
        }
        if let Some(chunk) = flush {
            self.write_out(chunk);
        }
        claimed
    }
}

fn fail(waiters: Vec<Arc<Waiter>>) {
    for waiter in waiters {
        waiter.complete(Outcome {
            status: status::NETWORK_FAILURE,
            payload: crate::proto::payload::Payload::empty(),
        });
    }
}

impl From<Refusal> for SendError {
    fn from(r: Refusal) -> SendError {
        match r {
            Refusal::NeverConnected => SendError::NeverConnected,
            Refusal::Closed => SendError::Closed,
        }
    }
}
