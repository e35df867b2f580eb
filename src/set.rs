//! A connection set, as C holds it: a hub and its listeners.
//!
//! The background thread owns the set. It ends, and the set is freed, when no user, no
//! connection handle, no listener and no dispatcher is left.

use crate::abi::{mrpc_accept_fn, mrpc_disconnect_fn, mrpc_ioerr_fn, mrpc_room_fn};
use crate::background;
use crate::config::Config;
use crate::conn::{requests, Conn, ConnHub};
use crate::dispatch::{ticket, DispatchThread};
use crate::error::{Errno, Result};
use crate::hub::Hub;
use crate::listener::Listener;
use crate::local;
use crate::protocol::Role;
use crate::reactor::{Ready, Source, Turn};
use crate::sync::right::{Held, Right};
use crate::sync::{AtomicBool, Mutex, Ordering};
use crate::sys::cancel;
use crate::sys::{fork, thread};
use crate::transport::Transport;
use std::ffi::{c_void, CStr};
use std::os::fd::RawFd;
use std::sync::{Arc, Weak};

pub struct Set {
    hub: Arc<ConnHub>,
    /// Signal handlers close listeners: so this is a right, and no lock.
    listeners: Right<Listeners>,
    /// Before the right is waited for: by one thread at a time.
    changing: Mutex<()>,
    /// There are closed listeners on the list.
    to_retire: AtomicBool,
}

type Listeners = Vec<Arc<Listener>>;

impl Set {
    /// A new set with one user reference and its background thread; `data` NULL: the cookie is
    /// the handle itself.
    pub fn create(role: Role, data: *mut c_void) -> Result<Arc<Set>> {
        fork::install(requests::FORK);
        let set = Arc::new(Set {
            hub: Arc::new(Hub::new(role, data)?),
            listeners: Right::new(Vec::new()),
            changing: Mutex::new(()),
            to_retire: AtomicBool::new(false),
        });
        if data.is_null() {
            set.hub.set_cookie(set.as_handle().cast());
        }
        let source: Weak<Set> = Arc::downgrade(&set);
        set.hub.shards.home().reactor.set_waker_source(source);
        background::start(Arc::clone(&set.hub), Arc::clone(&set) as _)?;
        Ok(set)
    }

    /// The address that C knows the set by.
    pub fn as_handle(self: &Arc<Self>) -> *mut Set {
        Arc::as_ptr(self).cast_mut()
    }

    pub fn hub(&self) -> &Arc<ConnHub> {
        &self.hub
    }

    pub fn set_accept_func(&self, f: mrpc_accept_fn) -> Result<()> {
        self.hub.check_process()?;
        if !self.hub.role().is_server() {
            return Err(Errno::INVAL);
        }
        self.hub.callbacks.lock().accept = Some(f);
        Ok(())
    }

    pub fn set_disconnect_func(&self, f: Option<mrpc_disconnect_fn>) -> Result<()> {
        self.hub.check_process()?;
        self.hub.callbacks.lock().disconnect = f;
        Ok(())
    }

    pub fn set_ioerr_func(&self, f: Option<mrpc_ioerr_fn>) -> Result<()> {
        self.hub.check_process()?;
        self.hub.callbacks.lock().ioerr = f;
        Ok(())
    }

    pub fn set_room_func(&self, f: Option<mrpc_room_fn>) -> Result<()> {
        self.hub.check_process()?;
        self.hub.callbacks.lock().room = f;
        Ok(())
    }

    /// Changes a setting that holds at once, for connections that exist, too.
    pub fn change(&self, change: impl FnOnce(&Config) -> Result<()>) -> Result<()> {
        self.hub.check_process()?;
        change(&self.hub.config)?;
        let shards = &self.hub.shards;
        shards.settings_changed();
        // Those that time concerns may have waited for long enough.
        self.hub.watched.hurry();
        shards.home().reactor.again(Arc::clone(&self.hub) as _);
        Ok(())
    }

    /// Bounds the loops in use; 0: none but the number of CPUs.
    pub fn set_max_loops(&self, loops: u32) -> Result<()> {
        self.hub.check_process()?;
        self.hub.config.set_max_loops(loops)?;
        self.hub.fit_shards();
        Ok(())
    }

    /// What connections that are made from now on go through.
    pub fn set_transport(
        &self,
        transport: impl FnOnce(bool) -> Result<Option<Transport>>,
    ) -> Result<()> {
        self.hub.check_process()?;
        let transport = transport(self.hub.role().is_server())?;
        self.hub.set_transport(transport.map(Arc::new));
        Ok(())
    }

    /// Listens on every address; Some(port) if `service` is None and a free port was taken.
    pub fn listen(
        &self,
        family: i32,
        address: Option<&CStr>,
        service: Option<&CStr>,
    ) -> Result<Option<u16>> {
        let hub = &self.hub;
        self.check_listening()?;
        if service.is_none() && family == libc::AF_UNSPEC {
            return Err(Errno::INVAL);
        }
        self.await_closes();
        let open = || Listener::open_all(hub, family, address, service);
        let (opened, port) = cancel::held_off(open)?;
        self.add_listeners(opened)?;
        Ok(port)
    }

    /// Takes over a socket that listens; on an error it stays the caller's, as it was.
    pub fn listen_fd(&self, fd: RawFd) -> Result<()> {
        self.check_listening()?;
        let adopted = cancel::held_off(|| Listener::adopt(&self.hub, fd))?;
        // A drain that has begun meanwhile closes it: it was taken over nevertheless.
        let _ = self.add_listeners(vec![adopted]);
        Ok(())
    }

    fn add_listeners(&self, opened: Listeners) -> Result<()> {
        self.change_listeners(|list| list.extend(opened));
        if self.hub.is_draining() {
            // It began after we had looked, and may not have seen them.
            self.close_listeners();
            return Err(Errno(libc::ESHUTDOWN));
        }
        Ok(())
    }

    fn check_listening(&self) -> Result<()> {
        let hub = &self.hub;
        hub.check_process()?;
        if hub.is_draining() {
            return Err(Errno(libc::ESHUTDOWN));
        }
        let may = hub.role().is_server() && hub.callbacks().accept.is_some();
        may.then_some(()).ok_or(Errno::INVAL)
    }

    /// Closes all listeners, at once if nobody accepts at this moment. Safe in a signal handler.
    pub fn close_listeners(&self) {
        let here = self.hub.check_process().is_ok();
        let mut asked = self.listeners.ask();
        if !here {
            // The child's copies only, and only if no other thread was at the list.
            if let Some(list) = asked {
                list.iter().for_each(|l| l.close_copy());
            }
            return;
        }
        while let Some(list) = asked {
            list.iter().for_each(|l| l.close());
            asked = list.release();
        }
        self.to_retire.store(true, Ordering::SeqCst);
        self.hub.shards.home().reactor.wake();
    }

    fn change_listeners<R>(&self, change: impl FnOnce(&mut Listeners) -> R) -> R {
        let _one = self.changing.lock();
        // Held for some instructions only, by whoever closes.
        let mut list: Held<'_, Listeners> = loop {
            match self.listeners.try_take() {
                Some(list) => break list,
                None => thread::yield_now(),
            }
        };
        let result = change(&mut list);
        let mut noted = list.release();
        while let Some(list) = noted {
            list.iter().for_each(|l| l.close());
            noted = list.release();
        }
        result
    }

    /// Whoever accepted when a listener was closed is about to close it: its port is free then.
    fn await_closes(&self) {
        let closes = |list: &mut Listeners| list.iter().any(|l| l.is_closing() && !l.is_closed());
        while self.change_listeners(closes) {
            thread::yield_now();
        }
    }

    /// Lets go of closed listeners.
    fn retire_listeners(&self) {
        if !self.to_retire.swap(false, Ordering::SeqCst) {
            return;
        }
        let (closed, late): (Listeners, bool) = self.change_listeners(|list| {
            let (closed, open) = std::mem::take(list)
                .into_iter()
                .partition(|l| l.is_closed());
            *list = open;
            (closed, list.iter().any(|l| l.is_closing()))
        });
        for listener in closed {
            listener.retire();
        }
        if late {
            self.to_retire.store(true, Ordering::SeqCst);
            self.hub.shards.home().reactor.wake();
        }
    }

    /// Lets nothing new in; the thread has to call `drain::run` next, and not to hold the set then.
    pub fn begin_drain(&self) -> Result<()> {
        let hub = &self.hub;
        hub.check_process()?;
        if local::is_handling() {
            // What is waited for includes the handler that waits.
            return Err(Errno(libc::EDEADLK));
        }
        if let Some(left) = ticket::set_draining(None) {
            left.end_drain();
        }
        if !hub.begin_drain() {
            return Err(Errno(libc::EALREADY));
        }
        ticket::set_draining(Some(Arc::clone(hub)));
        self.close_listeners();
        self.await_closes();
        Ok(())
    }

    /// A detached thread that dispatches until the set is destroyed; returns once it is
    /// registered.
    pub fn spawn_dispatcher(&self) -> Result<()> {
        self.hub.check_process()?;
        // Counted here, so that the set cannot end before the thread has begun.
        self.hub.dispatchers_came(1);
        self.hub.waiting_came();
        let spawned = thread::spawn_detached::<DispatchThread>(Arc::clone(&self.hub));
        if spawned.is_err() {
            self.hub.waiting_gone();
            self.hub.dispatchers_gone(1);
        }
        spawned
    }
}

/// The waker has been read: what a signal handler may have left is done.
impl Source<Arc<Conn>> for Set {
    fn on_ready(self: Arc<Self>, ready: Ready, _: &mut Turn<'_, Arc<Conn>>) {
        self.retire_listeners();
        if self.hub.door_opens() {
            let listeners = self.change_listeners(|list| list.clone());
            listeners.into_iter().for_each(Source::on_settings);
        }
        self.hub.tell_of_relief();
        self.hub.waker_read(ready.wakes);
    }
}
