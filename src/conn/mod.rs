//! A connection: its socket, its protocol state, its life.
//!
//! Who may touch what:
//! - the state lock guards the protocol state and everything in `State`; no system call that
//!   can block is made under it, and no C code runs. Limits are read under it, so that who has
//!   an old one is seen by whoever tells of the new one. A change leaves `Outputs`, which are acted
//!   on after unlocking (`outputs`);
//! - the reading right (`Right`) covers the receiving side of the socket and the partial
//!   frame; nobody waits for it;
//! - the outbox's writer covers the sending side;
//! - INV-C1: the descriptor is closed by whoever finds the connection shut, holding the
//!   reading right, while nobody writes or waits for room. So no descriptor is used after it
//!   was closed, and no lock is held during I/O.
//! - INV-C2: `shut` is done once; it queues the disconnect event, which is the last.

mod attention;
mod connect;
mod connecting;
mod drain;
mod early;
mod ends;
mod events;
mod flow;
mod handshake;
mod keys;
mod life;
mod moving;
mod observe;
mod outputs;
mod race;
mod receive;
pub mod requests;
mod send;
mod stats;
mod transport;
mod wait;
mod watch;

pub use connecting::ConnectCall;
pub use early::Terms;
pub use ends::Socket;
pub use handshake::Arrival;
pub use life::First;
pub use send::{frame_len, Kind, SendError};

use crate::abi::{reply_callback_fn, TIMEOUT_INHERIT};
use crate::error::Result;
use crate::hub::Hub;
use crate::proto::connection::Connection;
use crate::proto::life::Phase;
use crate::reactor::Place;
use crate::sync::right::Right;
use crate::sync::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU8, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::sys::eventfd::EventFd;
use crate::sys::moment::Moment;
use crate::waiter::Waiter;
use attention::Attention;
use once_cell::race::OnceBox;
use receive::Reader;
use std::collections::BTreeSet;
use std::ffi::c_void;
use std::os::fd::RawFd;
use std::sync::{Arc, OnceLock};
use transport::Secure;

/// The hub of a set's connections.
pub type ConnHub = Hub<Conn>;

/// What an async call keeps for its callback.
#[derive(Clone, Copy)]
pub struct AsyncCall {
    pub cmd: i32,
    pub callback: reply_callback_fn,
    /// The application's pointer, as an exposed address: it is only ever handed back.
    pub private: usize,
}

pub struct Conn {
    hub: Arc<ConnHub>,
    /// Among the set's connections.
    id: u64,
    cookie: AtomicPtr<c_void>,
    operations: AtomicPtr<c_void>,
    /// User references, plus one while the connection is active.
    holds: AtomicUsize,
    /// -1: not connected, or closed.
    fd: AtomicI32,
    state: Mutex<State>,
    reading: Right<Reader>,
    /// Sync callers are listed that wait for the reading right.
    has_sleepers: AtomicBool,
    /// The phase, MUTED and LENT, as the state has them: for those who do not lock it.
    mirror: AtomicU8,
    /// A runner of this connection's events has to look at the state before the next one.
    interrupt: AtomicBool,
    /// Its handlers took long lately.
    slow: AtomicBool,
    /// The number of its loop; changes under the state's lock, with the reading right held.
    shard: AtomicU8,
    /// Of its calls, in milliseconds; 0: none, TIMEOUT_INHERIT: the set's.
    call_timeout: AtomicU32,
    /// A read may stop in front of bytes that are there: on Unix sockets, where a descriptor came
    /// with those that it gave.
    stops_short: AtomicBool,
    /// Between its messages and the socket, of some connections; set before it is open.
    secure: OnceBox<Secure>,
    /// Fetches a caller that waits on the socket, once calls were made that can be cancelled.
    wake: OnceLock<EventFd>,
}

const PHASE: u8 = 0x0f;
const MUTED: u8 = 0x10;
const LENT: u8 = 0x20;

struct State {
    /// The handle's reference to its connection, while C may use the handle.
    handle: Option<Arc<Conn>>,
    proto: Connection<Arc<Waiter>, AsyncCall>,
    /// Once it stands, until the handle goes.
    ends: Option<ends::Ends>,
    place: Option<Place>,
    attention: Attention,
    /// A caller's `recv` was ended by a shutdown.
    input_cut: bool,
    /// Counts among the set's accepted connections.
    accepted: bool,
    /// Not read from, as it is a burden to the set.
    starved: bool,
    /// Threads that wait for the peer to read.
    throttled: u32,
    sleepers: Vec<Arc<Waiter>>,
    pace: flow::Pace,
    times: stats::Times,
    /// While somebody watches.
    moment: Option<Box<Moment>>,
    rare: Option<Box<Rare>>,
}

/// What most connections do without.
#[derive(Default)]
struct Rare {
    /// Requests that the application kept, to be forgotten with the connection. No HashSet: its
    /// random keys come from libc, in a cancellation point.
    kept: BTreeSet<u64>,
    /// It is on the hub's list of those that are looked at as time passes.
    watch: Option<watch::Watch>,
    /// While the set drains: no message since.
    quiet: Option<watch::Still<u64>>,
    /// The peer once took nothing while a thread waited for it.
    stall: Option<flow::Stall>,
    /// What the set's memory limit knows of it.
    charged: usize,
    /// Bytes of its partial frame, where memory is limited.
    partial: usize,
    /// When it is called for its calls' deadlines.
    time: Option<u64>,
    /// Why the last attempt to connect failed, if it did.
    failure: Option<String>,
    /// An attempt to connect whose callback has not begun.
    pending: Option<connecting::Pending>,
    /// Its disconnect is nobody's concern.
    ends_unnoticed: bool,
}

impl State {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

impl Conn {
    /// A new handle with one user reference; `data` NULL: the cookie is the handle itself.
    pub fn create(hub: &Arc<ConnHub>, data: *mut c_void) -> Result<Arc<Conn>> {
        hub.check_process()?;
        hub.handle_made();
        let conn = Arc::new(Conn {
            hub: Arc::clone(hub),
            id: hub.next_id(),
            cookie: AtomicPtr::new(data),
            operations: AtomicPtr::new(std::ptr::null_mut()),
            holds: AtomicUsize::new(1),
            fd: AtomicI32::new(-1),
            state: Mutex::new(State {
                handle: None,
                proto: Connection::default(),
                ends: None,
                place: None,
                attention: Attention::Loop,
                input_cut: false,
                accepted: false,
                starved: false,
                throttled: 0,
                sleepers: Vec::new(),
                pace: flow::Pace::default(),
                times: stats::Times::default(),
                moment: None,
                rare: None,
            }),
            reading: Right::new(Reader::default()),
            has_sleepers: AtomicBool::new(false),
            mirror: AtomicU8::new(Phase::New as u8),
            interrupt: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            shard: AtomicU8::new(0),
            stops_short: AtomicBool::new(false),
            call_timeout: AtomicU32::new(TIMEOUT_INHERIT),
            secure: OnceBox::new(),
            wake: OnceLock::new(),
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

    pub fn hub(&self) -> &Arc<ConnHub> {
        &self.hub
    }

    /// The handle's number in its set, from 1; given once.
    pub fn id(&self) -> u64 {
        self.id
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

    /// Indexed as `enum mrpc_conn_counter`; None beyond it.
    pub fn counter(&self, index: usize) -> Option<u64> {
        self.hub.check_process().ok()?;
        let st = self.lock();
        let c = &st.proto.counters;
        [c.send_bytes, c.recv_bytes, c.send_msgs(), c.recv_msgs()]
            .get(index)
            .copied()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn fd(&self) -> RawFd {
        self.fd.load(Ordering::Acquire)
    }

    // --- what the mirror shows

    /// After each change of what the mirror shows, under the lock.
    fn publish(&self, st: &State) {
        let life = &st.proto.life;
        let mut bits = life.phase() as u8;
        bits |= if life.is_muted() { MUTED } else { 0 };
        bits |= if st.attention.is_lent() { LENT } else { 0 };
        self.mirror.store(bits, Ordering::SeqCst);
    }

    fn mirrored(&self) -> u8 {
        self.mirror.load(Ordering::SeqCst)
    }

    fn is_at(&self, phase: Phase) -> bool {
        self.mirrored() & PHASE == phase as u8
    }

    fn is_past(&self, phase: Phase) -> bool {
        self.mirrored() & PHASE > phase as u8
    }

    /// A reply would still be sent.
    pub fn can_answer(&self) -> bool {
        let open = self.is_at(Phase::Open) || self.is_at(Phase::Ending);
        open && self.hub.check_process().is_ok()
    }

    pub fn is_muted(&self) -> bool {
        self.mirrored() & MUTED != 0
    }

    fn is_lent(&self) -> bool {
        self.mirrored() & LENT != 0
    }
}
