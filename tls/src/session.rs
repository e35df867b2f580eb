//! One connection's TLS, without I/O. Its connection is one object for both directions, so a
//! short lock stands around each step.

use crate::abi::{ENDED, FAILED, MORE, READY, SEND};
use crate::text::of_error;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, CommonState, HandshakeKind, IoState, ServerConnection};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub enum Side {
    /// With the name that it asks for.
    Client(ClientConnection, String),
    Server(ServerConnection),
}

pub struct Session(Mutex<State>);

struct State {
    side: Side,
    /// Plain bytes that have been opened and not been given.
    pending: usize,
    /// The peer sends no more.
    closed: bool,
    failure: Option<String>,
}

/// What a step came to: `state` as C has it.
pub struct Step {
    pub taken: usize,
    pub given: usize,
    pub state: i32,
}

/// What `mrpc_tls_info` tells.
pub struct Info {
    pub version: u16,
    pub resumed: bool,
    pub suite: String,
    pub sni: String,
}

macro_rules! each {
    ($side:expr, $conn:ident => $do:expr) => {
        match $side {
            Side::Client($conn, _) => $do,
            Side::Server($conn) => $do,
        }
    };
}

impl Session {
    pub fn new(mut side: Side) -> Session {
        // What is taken is sent at once: the library bounds it.
        each!(&mut side, conn => conn.set_buffer_limit(None));
        Session(Mutex::new(State {
            side,
            pending: 0,
            closed: false,
            failure: None,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn receive(&self, wire: &[u8], plain: &mut [u8]) -> Step {
        let mut state = self.lock();
        let (taken, given) = state.receive(wire, plain);
        state.step(taken, given)
    }

    pub fn send(&self, plain: &[IoSlice<'_>], wire: &mut [u8]) -> Step {
        let mut state = self.lock();
        let taken = if plain.is_empty() {
            0
        } else {
            each!(&mut state.side, conn => conn.writer().write_vectored(plain)).unwrap_or(0)
        };
        let room = wire.len();
        let mut rest = wire;
        while !rest.is_empty() && state.common().wants_write() {
            match each!(&mut state.side, conn => conn.write_tls(&mut rest)) {
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
        let given = room - rest.len();
        state.step(taken, given)
    }

    /// Our side sends no more.
    pub fn end(&self) -> i32 {
        let mut state = self.lock();
        each!(&mut state.side, conn => conn.send_close_notify());
        state.step(0, 0).state
    }

    pub fn error(&self) -> String {
        self.lock().failure.clone().unwrap_or_default()
    }

    /// None before the handshake is far enough.
    pub fn info(&self) -> Option<Info> {
        let state = self.lock();
        let common = state.common();
        let sni = match &state.side {
            Side::Client(_, name) => match ServerName::try_from(name.as_str()) {
                Ok(ServerName::DnsName(name)) => name.as_ref().to_string(),
                _ => String::new(),
            },
            Side::Server(conn) => conn.server_name().unwrap_or_default().to_string(),
        };
        let suite = common.negotiated_cipher_suite()?.suite();
        Some(Info {
            version: common.protocol_version()?.into(),
            resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
            suite: suite.as_str().unwrap_or("unknown").to_string(),
            sni,
        })
    }

    /// None: it has sent none.
    pub fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        let state = self.lock();
        let certs = state.common().peer_certificates()?;
        certs.first().map(|cert| cert.clone().into_owned())
    }
}

impl State {
    fn common(&self) -> &CommonState {
        each!(&self.side, conn => conn)
    }

    fn peer(&self) -> &'static str {
        match self.side {
            Side::Client(..) => "server",
            Side::Server(_) => "client",
        }
    }

    fn step(&self, taken: usize, given: usize) -> Step {
        let common = self.common();
        let failed = self.failure.is_some();
        let mut state = 0;
        if !common.is_handshaking() && !failed {
            state |= READY;
        }
        if common.wants_write() {
            state |= SEND;
        }
        if self.pending > 0 {
            state |= MORE;
        }
        if self.closed && self.pending == 0 {
            state |= ENDED;
        }
        if failed {
            state |= FAILED;
        }
        Step {
            taken,
            given,
            state,
        }
    }

    /// What was taken, and given. rustls takes 4 KiB at a time, and nothing while too many plain
    /// bytes wait: so it is emptied in between.
    fn receive(&mut self, wire: &[u8], plain: &mut [u8]) -> (usize, usize) {
        let (mut taken, mut given) = (0, 0);
        loop {
            given += self.give(&mut plain[given..]);
            if self.closed || self.failure.is_some() {
                // What follows the end is nobody's.
                return (wire.len(), given);
            }
            if taken == wire.len() || self.pending > 0 {
                break;
            }
            match self.take(&wire[taken..]) {
                Some(n) => taken += n,
                None => break,
            }
        }
        if wire.len() > 4096 && taken == wire.len() {
            // A read that finds nothing makes it give its larger buffer back.
            let _ = each!(&mut self.side, conn => conn.read_tls(&mut Dry));
        }
        (taken, given)
    }

    fn give(&mut self, plain: &mut [u8]) -> usize {
        let mut given = 0;
        while self.pending > 0 && given < plain.len() {
            match each!(&mut self.side, conn => conn.reader().read(&mut plain[given..])) {
                Ok(n) if n > 0 => {
                    given += n;
                    self.pending -= n;
                }
                _ => break,
            }
        }
        given
    }

    fn take(&mut self, mut wire: &[u8]) -> Option<usize> {
        let taken = each!(&mut self.side, conn => conn.read_tls(&mut wire)).ok()?;
        match each!(&mut self.side, conn => conn.process_new_packets()) {
            Ok(news) => self.note(&news),
            Err(e) => {
                let text = of_error(&e, self.peer());
                self.failure = Some(text);
            }
        }
        (taken > 0).then_some(taken)
    }

    fn note(&mut self, news: &IoState) {
        self.pending = news.plaintext_bytes_to_read();
        self.closed = news.peer_has_closed();
    }
}

/// Has nothing to read at this time.
struct Dry;

impl Read for Dry {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}
