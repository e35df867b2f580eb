//! Listening sockets: accept until nothing waits; back off when descriptors run out.

use crate::conn::Conn;
use crate::error::{Errno, Result};
use crate::reactor::{Place, Turn};
use crate::set::{Set, Watched};
use crate::sys::resolve::resolve;
use crate::sys::socket;
use parking_lot::Mutex;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::time::Instant;

/// Connections accepted in one turn, so that a crowd at the door does not starve the others.
const BUDGET: usize = 32;

pub struct Listener {
    set: Arc<Set>,
    open: Mutex<Option<Open>>,
}

struct Open {
    fd: OwnedFd,
    place: Option<Place>,
    family: i32,
    /// Out of descriptors: nothing is accepted before.
    resume: Option<Instant>,
}

/// What accept reports of the connection that it was about to give: see accept(2).
fn is_of_one_connection(errno: i32) -> bool {
    matches!(
        errno,
        libc::ECONNABORTED
            | libc::EINTR
            | libc::EPROTO
            | libc::EPERM
            | libc::ENETDOWN
            | libc::ENOPROTOOPT
            | libc::EHOSTDOWN
            | libc::ENONET
            | libc::EHOSTUNREACH
            | libc::EOPNOTSUPP
            | libc::ENETUNREACH
    )
}

impl Listener {
    /// One listener for each address; at least one, or the last error. With a free port
    /// taken, also its number.
    pub fn open_all(
        set: &Arc<Set>,
        family: i32,
        address: Option<&CStr>,
        service: Option<&CStr>,
    ) -> Result<(Vec<Arc<Listener>>, Option<u16>)> {
        let mut made = Vec::new();
        let mut port = None;
        let mut error = Errno(libc::ENOENT);
        for at in resolve(family, address, service, true)? {
            match socket::listen(&at, set.config().listen_backlog()) {
                Ok(fd) => {
                    let taken = socket::local_port(fd.as_raw_fd());
                    match Listener::start(set, fd, at.family) {
                        Ok(listener) => {
                            made.push(listener);
                            if service.is_none() {
                                // One port is all that the caller can be told.
                                port = taken.ok();
                                break;
                            }
                        }
                        Err(e) => error = e,
                    }
                }
                Err(e) => error = e,
            }
        }
        if made.is_empty() {
            return Err(error);
        }
        Ok((made, port))
    }

    fn start(set: &Arc<Set>, fd: OwnedFd, family: i32) -> Result<Arc<Listener>> {
        let raw = fd.as_raw_fd();
        set.handle_made();
        let listener = Arc::new(Listener {
            set: Arc::clone(set),
            open: Mutex::new(Some(Open {
                fd,
                place: None,
                family,
                resume: None,
            })),
        });
        match set
            .reactor()
            .register(raw, Watched::Listener(Arc::clone(&listener)))
        {
            Ok(place) => {
                if let Some(open) = &mut *listener.open.lock() {
                    open.place = Some(place);
                }
                Ok(listener)
            }
            Err(e) => {
                listener.close();
                Err(e)
            }
        }
    }

    /// Stops listening. Accept events that are queued still fire.
    pub fn close(&self) {
        let open = self.open.lock().take();
        if let Some(open) = open {
            if let Some(place) = open.place {
                self.set.reactor().deregister(open.fd.as_raw_fd(), place);
            }
            drop(open);
            self.set.handle_gone();
        }
    }

    /// In a forked child: closes this process's copy, without waiting for a lock.
    pub fn close_copy(&self) {
        if let Some(mut open) = self.open.try_lock() {
            open.take();
        }
    }

    pub fn on_ready(self: &Arc<Self>, turn: &mut Turn<'_, Watched>) {
        // A connection that is accepted while the listener is being closed must find the set.
        self.set.handle_made();
        self.accept_all(turn);
        self.set.handle_gone();
    }

    fn accept_all(self: &Arc<Self>, turn: &mut Turn<'_, Watched>) {
        for _ in 0..BUDGET {
            let (accepted, family) = match &mut *self.open.lock() {
                Some(open) => {
                    if open.resume.is_some_and(|t| Instant::now() < t) {
                        return;
                    }
                    open.resume = None;
                    (socket::accept(open.fd.as_raw_fd()), open.family)
                }
                None => return,
            };
            match accepted {
                Ok((fd, from)) => self.welcome(fd, family, from, turn),
                Err(Errno(libc::EAGAIN)) => return,
                // This one is gone: the next.
                Err(Errno(e)) if is_of_one_connection(e) => {}
                // Out of descriptors or memory: what waits stays in the backlog, without a
                // new edge. Of anything else, too, more attempts at once are no help.
                Err(_) => {
                    let resume = Instant::now() + self.set.config().accept_backoff();
                    if let Some(open) = &mut *self.open.lock() {
                        open.resume = Some(resume);
                    }
                    return turn.at(resume, Watched::Listener(Arc::clone(self)));
                }
            }
        }
        turn.again(Watched::Listener(Arc::clone(self)));
    }

    fn welcome(&self, fd: OwnedFd, family: i32, from: Vec<u8>, turn: &mut Turn<'_, Watched>) {
        let Ok(conn) = Conn::create(&self.set, ptr::null_mut()) else {
            return;
        };
        match conn.open(fd, family, Some(from)) {
            Ok(true) => turn.found.push(conn),
            Ok(false) => {}
            // The loop could not take it (no memory): the peer sees it closed.
            Err(_) => conn.drop_user(),
        }
    }
}
