//! A connection set: the loop, the ready queue, the listeners, and what they share.
//!
//! The background thread owns the set. It ends, and the set is freed, when no user, no
//! connection handle, no listener and no dispatcher is left.

use crate::abi::{mrpc_accept_fn, mrpc_disconnect_fn, mrpc_ioerr_fn};
use crate::background::{self, Background};
use crate::config::Config;
use crate::conn::{requests, Conn};
use crate::dispatch::DispatchThread;
use crate::error::{Errno, Result};
use crate::listener::Listener;
use crate::protocol::Role;
use crate::queue::ReadyQueue;
use crate::reactor::{Reactor, Ready, Source, Turn};
use crate::sys::{fork, socket, thread};
use parking_lot::Mutex;
use std::ffi::{c_void, CStr};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// How long a wait may be spent awake, unless MINIRPC_SPIN_US says otherwise.
const SPIN: Duration = Duration::from_micros(50);

#[derive(Clone, Copy, Default)]
pub struct Callbacks {
    pub accept: Option<mrpc_accept_fn>,
    pub disconnect: Option<mrpc_disconnect_fn>,
    pub ioerr: Option<mrpc_ioerr_fn>,
}

pub struct Set {
    role: Role,
    cookie: AtomicPtr<c_void>,
    /// The process that made it, by its number of forks.
    generation: u32,
    users: AtomicUsize,
    /// Connection handles and listeners.
    handles: AtomicUsize,
    dispatchers: AtomicUsize,
    ending: AtomicBool,
    config: Config,
    callbacks: Mutex<Callbacks>,
    reactor: Reactor<Watched>,
    queue: ReadyQueue<Arc<Conn>>,
    listeners: Mutex<Vec<Arc<Listener>>>,
    pub(crate) background: Background,
    spin: Option<Duration>,
    /// The peer that was heard last runs on this thread's CPU, and we have no other.
    peer_here: AtomicBool,
}

/// What the loop watches.
#[derive(Clone)]
pub enum Watched {
    Conn(Arc<Conn>),
    Listener(Arc<Listener>),
}

impl Source for Watched {
    type Found = Arc<Conn>;

    fn on_ready(&self, ready: Ready, turn: &mut Turn<'_, Watched>) {
        match self {
            Watched::Conn(conn) => conn.on_ready(ready, turn),
            Watched::Listener(listener) => listener.on_ready(turn),
        }
    }
}

/// What the environment and the number of CPUs allow.
fn spin_setting() -> Option<Duration> {
    let limit = match std::env::var("MINIRPC_SPIN_US") {
        Ok(text) => Duration::from_micros(text.trim().parse().unwrap_or(0)),
        Err(_) => SPIN,
    };
    // With one CPU, whoever we wait for cannot run while we spin.
    (!limit.is_zero() && thread::online_cpus() > 1).then_some(limit)
}

impl Set {
    /// A new set with one user reference and its background thread; `data` NULL: the cookie is
    /// the handle itself.
    pub fn create(role: Role, data: *mut c_void) -> Result<Arc<Set>> {
        fork::install(requests::FORK);
        let set = Arc::new(Set {
            role,
            cookie: AtomicPtr::new(data),
            generation: fork::generation(),
            users: AtomicUsize::new(1),
            handles: AtomicUsize::new(0),
            dispatchers: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
            config: Config::default(),
            callbacks: Mutex::new(Callbacks::default()),
            reactor: Reactor::new()?,
            queue: ReadyQueue::new(),
            listeners: Mutex::new(Vec::new()),
            background: Background::default(),
            spin: spin_setting(),
            peer_here: AtomicBool::new(false),
        });
        if data.is_null() {
            set.cookie.store(set.as_handle().cast(), Ordering::Relaxed);
        }
        background::start(&set)?;
        Ok(set)
    }

    /// The address that C knows the set by.
    pub fn as_handle(self: &Arc<Self>) -> *mut Set {
        Arc::as_ptr(self).cast_mut()
    }

    pub fn cookie(&self) -> *mut c_void {
        self.cookie.load(Ordering::Relaxed)
    }

    pub fn role(&self) -> &Role {
        &self.role
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn callbacks(&self) -> Callbacks {
        *self.callbacks.lock()
    }

    pub fn reactor(&self) -> &Reactor<Watched> {
        &self.reactor
    }

    pub fn queue(&self) -> &ReadyQueue<Arc<Conn>> {
        &self.queue
    }

    /// An error in a forked child, where the set is dead and its locks may be held for ever.
    #[inline]
    pub fn check_process(&self) -> Result<()> {
        if self.generation == fork::generation() {
            Ok(())
        } else {
            Err(Errno::INVAL)
        }
    }

    pub fn set_accept_func(&self, f: mrpc_accept_fn) -> Result<()> {
        self.check_process()?;
        if !self.role.is_server() {
            return Err(Errno::INVAL);
        }
        self.callbacks.lock().accept = Some(f);
        Ok(())
    }

    pub fn set_disconnect_func(&self, f: Option<mrpc_disconnect_fn>) -> Result<()> {
        self.check_process()?;
        self.callbacks.lock().disconnect = f;
        Ok(())
    }

    pub fn set_ioerr_func(&self, f: Option<mrpc_ioerr_fn>) -> Result<()> {
        self.check_process()?;
        self.callbacks.lock().ioerr = f;
        Ok(())
    }

    // --- listeners

    /// Listens on every address; Some(port) if `service` is None and a free port was taken.
    pub fn listen(
        self: &Arc<Self>,
        family: i32,
        address: Option<&CStr>,
        service: Option<&CStr>,
    ) -> Result<Option<u16>> {
        self.check_process()?;
        let may = self.role.is_server() && self.callbacks().accept.is_some();
        if !may || (service.is_none() && family == libc::AF_UNSPEC) {
            return Err(Errno::INVAL);
        }
        let (listeners, port) = Listener::open_all(self, family, address, service)?;
        self.listeners.lock().extend(listeners);
        Ok(port)
    }

    pub fn close_listeners(&self) {
        if self.check_process().is_err() {
            // The child's copies only, and only if no other thread was at the list.
            if let Some(list) = self.listeners.try_lock() {
                list.iter().for_each(|l| l.close_copy());
            }
            return;
        }
        let closed = std::mem::take(&mut *self.listeners.lock());
        for listener in closed {
            listener.close();
        }
    }

    // --- spinning

    /// How long a wait may be spent awake; None: not at all.
    pub fn spin_limit(&self) -> Option<Duration> {
        self.spin
    }

    /// True if spinning would keep the CPU from the very peer that is waited for.
    pub fn peer_is_here(&self) -> bool {
        self.peer_here.load(Ordering::Relaxed)
    }

    /// Looks where a connection's peer runs. If nothing tells, it must be elsewhere only if
    /// there is another CPU for us.
    pub fn note_peer(&self, fd: i32) -> bool {
        let here = match socket::incoming_cpu(fd) {
            Some(cpu) => cpu == thread::current_cpu(),
            None => thread::cpus() == 1,
        };
        self.peer_here.store(here, Ordering::Relaxed);
        here
    }

    // --- scheduling

    /// Brings a claimed lane to a dispatcher.
    pub fn schedule(&self, conn: Arc<Conn>) {
        self.queue.push([conn]);
        self.wake_dispatcher();
    }

    /// Somebody has to see what was queued; false if no dispatcher waits for anything.
    pub(crate) fn wake_dispatcher(&self) -> bool {
        self.queue.wake(|| self.reactor.wake())
    }

    // --- life

    pub fn add_user(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    pub fn drop_user(&self) {
        if self.users.fetch_sub(1, Ordering::SeqCst) == 1 && self.check_process().is_ok() {
            self.end_if_unused();
        }
    }

    pub fn handle_made(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    pub fn handle_gone(&self) {
        if self.handles.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.end_if_unused();
        }
    }

    /// True once the set is being destroyed.
    #[inline]
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    fn end_if_unused(&self) {
        let used = |count: &AtomicUsize| count.load(Ordering::SeqCst) > 0;
        if used(&self.users) || used(&self.handles) {
            return;
        }
        if !self.ending.swap(true, Ordering::SeqCst) {
            self.queue.end();
            self.reactor.wake();
            self.ring_background();
        }
    }

    pub(crate) fn dispatchers_came(&self, n: usize) {
        self.dispatchers.fetch_add(n, Ordering::AcqRel);
    }

    pub(crate) fn dispatchers_gone(&self, n: usize) {
        let last = self.dispatchers.fetch_sub(n, Ordering::SeqCst) == n;
        if last && self.check_process().is_ok() {
            // Whether the set ends or lives on without dispatchers, the background takes over.
            self.ring_background();
        }
    }

    /// True when the background may end: nobody uses the set or dispatches for it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.is_ending() && self.dispatchers.load(Ordering::SeqCst) == 0
    }

    /// A detached thread that dispatches until the set is destroyed; returns once it is
    /// registered.
    pub fn spawn_dispatcher(self: &Arc<Self>) -> Result<()> {
        self.check_process()?;
        // Counted here, so that the set cannot end before the thread has begun.
        self.dispatchers_came(1);
        let spawned = thread::spawn_detached::<DispatchThread>(Arc::clone(self));
        if spawned.is_err() {
            self.dispatchers_gone(1);
        }
        spawned
    }

    /// -1 if there is none.
    pub fn event_fd(&self) -> i32 {
        if self.check_process().is_err() {
            return -1;
        }
        let fd = self.queue.event_fd().unwrap_or(-1);
        // From now on nobody may come to the loop but the background.
        self.ring_background();
        fd
    }
}
