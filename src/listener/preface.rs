//! Accepted sockets that have a PROXY header to say first. What comes of them are
//! connections, with the address that the header tells; until then they count among the
//! accepted ones, and hold the set.

use super::Listener;
use crate::conn::Conn;
use crate::error::Errno;
use crate::proto::proxy::{Client, Header};
use crate::reactor::{Place, Ready, Source, Turn};
use crate::sync::right::Right;
use crate::sys::clock;
use crate::sys::fd::Fd;
use crate::sys::net::Wait;
use crate::sys::resolve::Address;
use crate::sys::socket;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the header may take: a balancer sends it at once, and loss repeats it twice.
const LIMIT: Duration = Duration::from_secs(5);

/// Read at a time; most headers are shorter.
const PIECE: usize = 256;

pub struct Preface {
    listener: Arc<Listener>,
    /// The balancer's.
    from: Vec<u8>,
    /// None: it has ended.
    state: Right<Option<State>>,
}

struct State {
    fd: Fd,
    place: Place,
    header: Header,
    until: Instant,
}

enum End {
    Client(Client),
    Refused(String),
    /// The listener closes; nobody is told.
    Dropped,
}

impl Preface {
    /// In a turn of the loop.
    pub fn begin(listener: &Arc<Listener>, fd: Fd, from: Vec<u8>, turn: &mut Turn<'_, Arc<Conn>>) {
        let hub = &listener.hub;
        let preface = Arc::new(Preface {
            listener: Arc::clone(listener),
            from,
            state: Right::new(None),
        });
        let source = Arc::clone(&preface) as _;
        let Ok(place) = hub.shards.home().reactor.register(fd.as_raw(), source) else {
            // No memory: the peer sees it closed.
            return hub.registry.count(|sums| sums.refused += 1);
        };
        hub.handle_made();
        hub.preface_made();
        listener.prefaces.lock().push(Arc::clone(&preface));
        let mut first = Some(State {
            fd,
            place,
            header: Header::default(),
            until: clock::now() + LIMIT,
        });
        let mut asked = preface.state.ask();
        while let Some(mut held) = asked {
            if first.is_some() {
                *held = first.take();
            }
            preface.advance(&mut held, turn);
            asked = held.release();
        }
    }

    fn advance(self: &Arc<Self>, held: &mut Option<State>, turn: &mut Turn<'_, Arc<Conn>>) {
        let Some(state) = held else { return };
        let source = Arc::clone(self) as _;
        match self.read(state) {
            None => turn.at(state.until, source),
            Some(end) => {
                turn.never(&source);
                if let Some(state) = held.take() {
                    self.finish(state, end, turn);
                }
            }
        }
    }

    /// None: more has to come.
    fn read(&self, state: &mut State) -> Option<End> {
        if self.listener.is_closing() {
            return Some(End::Dropped);
        }
        let mut piece = [0; PIECE];
        loop {
            let room = state.header.missing().min(PIECE);
            if room == 0 {
                return Some(match state.header.client() {
                    Ok(client) => End::Client(client),
                    Err(why) => End::Refused(why.to_owned()),
                });
            }
            let why = match socket::recv(state.fd.as_raw(), &mut piece[..room], Wait::Not) {
                Ok(0) => "it ends before a PROXY header".to_owned(),
                Ok(n) => match state.header.add(&piece[..n]) {
                    Ok(()) => continue,
                    Err(why) => why.to_owned(),
                },
                Err(Errno(libc::EINTR)) => continue,
                Err(Errno(libc::EAGAIN)) if clock::now() < state.until => return None,
                Err(Errno(libc::EAGAIN)) => "its PROXY header does not come".to_owned(),
                Err(e) => e.describe(),
            };
            return Some(End::Refused(why));
        }
    }

    fn finish(self: &Arc<Self>, state: State, end: End, turn: &mut Turn<'_, Arc<Conn>>) {
        let State { fd, place, .. } = state;
        let listener = &self.listener;
        let hub = &listener.hub;
        hub.shards.home().reactor.deregister(fd.as_raw(), place);
        match end {
            End::Client(client) => {
                let from = address(client).unwrap_or_else(|| self.from.clone());
                listener.admit(fd, from, turn);
            }
            End::Refused(why) => {
                drop(fd);
                hub.registry.count(|sums| sums.refused += 1);
                let from = Address::of_peer(listener.family, &self.from).describe();
                hub.observer
                    .leave_error(&format!("a connection from {from} is refused: {why}"));
            }
            End::Dropped => drop(fd),
        }
        listener.prefaces.lock().retain(|p| !Arc::ptr_eq(p, self));
        hub.preface_gone();
        hub.handle_gone();
    }
}

/// As C has it; None: the balancer's own holds.
fn address(client: Client) -> Option<Vec<u8>> {
    let family = |family: i32| (family as libc::sa_family_t).to_ne_bytes();
    match client {
        Client::Unnamed => None,
        Client::V4(address, port) => {
            let mut bytes = vec![0; size_of::<libc::sockaddr_in>()];
            bytes[..2].copy_from_slice(&family(libc::AF_INET));
            bytes[2..4].copy_from_slice(&port.to_be_bytes());
            bytes[4..8].copy_from_slice(&address);
            Some(bytes)
        }
        Client::V6(address, port) => {
            let mut bytes = vec![0; size_of::<libc::sockaddr_in6>()];
            bytes[..2].copy_from_slice(&family(libc::AF_INET6));
            bytes[2..4].copy_from_slice(&port.to_be_bytes());
            // Behind the flow information, before the scope.
            bytes[8..24].copy_from_slice(&address);
            Some(bytes)
        }
        Client::Unix(name) => {
            let mut bytes = family(libc::AF_UNIX).to_vec();
            bytes.extend_from_slice(&name);
            // A path has an end; other names end where the address does.
            if name.first() != Some(&0) && bytes.len() < size_of::<libc::sockaddr_un>() {
                bytes.push(0);
            }
            Some(bytes)
        }
    }
}

/// Bytes, the end, a time, or the end of the listener.
impl Source<Arc<Conn>> for Preface {
    fn on_ready(self: Arc<Self>, _: Ready, turn: &mut Turn<'_, Arc<Conn>>) {
        let mut asked = self.state.ask();
        while let Some(mut held) = asked {
            self.advance(&mut held, turn);
            asked = held.release();
        }
    }
}
