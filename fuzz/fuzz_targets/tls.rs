//! TLS after the handshake, through the table of functions that the library has of it, with a
//! peer of rustls' own: any sizes of plain bytes, in both directions, records cut anywhere, and
//! bytes of the wire that are changed, left out or made up. What comes out is what went in, up to
//! the first byte that was tampered with; afterwards nothing does.

#![no_main]

// For its C functions.
extern crate minirpc_tls as _;

use libfuzzer_sys::fuzz_target;
use minirpc_fuzz::{pattern, Choices};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use std::ffi::{c_char, c_int, c_void, CStr};
use std::io::{Read, Write};
use std::ptr::{null, null_mut};
use std::sync::{Arc, OnceLock};

const IDENTITY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/identity.pem"));

const READY: c_int = 1;
const SEND: c_int = 2;
const MORE: c_int = 4;
const ENDED: c_int = 8;
const FAILED: c_int = 16;

#[repr(C)]
struct End {
    size: usize,
    server: c_int,
    bound: c_int,
    host: *const c_char,
    address: *const c_void,
    address_len: u32,
}

type Receive = unsafe extern "C" fn(
    *mut c_void,
    *const c_void,
    usize,
    *mut usize,
    *mut c_void,
    usize,
    *mut usize,
) -> c_int;
type Send = unsafe extern "C" fn(
    *mut c_void,
    *const libc::iovec,
    usize,
    *mut usize,
    *mut c_void,
    usize,
    *mut usize,
) -> c_int;

/// As minirpc/transport.h has it.
#[repr(C)]
struct Table {
    size: usize,
    attach: unsafe extern "C" fn(*mut c_void, c_int, *mut *mut c_void) -> c_int,
    detach: unsafe extern "C" fn(*mut c_void),
    open: unsafe extern "C" fn(
        *mut c_void,
        *const End,
        *mut *mut c_void,
        *mut c_char,
        usize,
    ) -> c_int,
    free: unsafe extern "C" fn(*mut c_void),
    receive: Receive,
    send: Send,
    end: unsafe extern "C" fn(*mut c_void) -> c_int,
    get_error: unsafe extern "C" fn(*mut c_void, *mut c_char, usize),
}

extern "C" {
    fn mrpc_tls_create(tls: *mut *mut c_void) -> c_int;
    fn mrpc_tls_set_identity_pem(
        tls: *mut c_void,
        cert: *const c_void,
        cert_len: usize,
        key: *const c_void,
        key_len: usize,
    ) -> c_int;
    fn mrpc_tls_trust_pem(tls: *mut c_void, ca: *const c_void, len: usize) -> c_int;
    fn mrpc_tls_set_server_name(tls: *mut c_void, name: *const c_char) -> c_int;
    fn mrpc_set_tls(set: *mut c_void, tls: *mut c_void) -> c_int;
}

/// What a set has of its transport.
struct Attached {
    table: &'static Table,
    shared: *mut c_void,
}

// SAFETY: what is shared may be used by any thread, as transport.h says.
unsafe impl Sync for Attached {}
// SAFETY: likewise.
unsafe impl std::marker::Send for Attached {}

static SERVER: OnceLock<Attached> = OnceLock::new();
static CLIENT: OnceLock<Attached> = OnceLock::new();

/// Instead of the library's: the set is NULL for a client's, and anything for a server's.
#[no_mangle]
unsafe extern "C" fn mrpc_set_transport(
    set: *mut c_void,
    table: *const Table,
    data: *mut c_void,
) -> c_int {
    let server = !set.is_null();
    let mut shared = null_mut();
    // SAFETY: libminirpc-tls' own table, which is a constant.
    let table = unsafe { &*table };
    // SAFETY: as the library calls it.
    assert_eq!(
        unsafe { (table.attach)(data, c_int::from(server), &raw mut shared) },
        0
    );
    let place = if server { &SERVER } else { &CLIENT };
    assert!(place.set(Attached { table, shared }).is_ok());
    0
}

#[no_mangle]
extern "C" fn mrpc_conn_get_session(_: *mut c_void, _: *const Table, _: *mut *mut c_void) -> c_int {
    libc::ENOENT
}

/// The peers' settings.
struct Peers {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

fn peers() -> &'static Peers {
    static PEERS: OnceLock<Peers> = OnceLock::new();
    PEERS.get_or_init(|| {
        let (pem, len) = (IDENTITY.as_ptr().cast(), IDENTITY.len());
        let mut tls = null_mut();
        // SAFETY: as tls.h has it.
        unsafe {
            assert_eq!(mrpc_tls_create(&raw mut tls), 0);
            assert_eq!(mrpc_tls_set_identity_pem(tls, pem, len, pem, len), 0);
            assert_eq!(mrpc_tls_trust_pem(tls, pem, len), 0);
            assert_eq!(mrpc_tls_set_server_name(tls, c"localhost".as_ptr()), 0);
            assert_eq!(mrpc_set_tls(null_mut(), tls), 0);
            assert_eq!(mrpc_set_tls(tls, tls), 0);
        }
        let cert = CertificateDer::from_pem_slice(IDENTITY).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(IDENTITY).expect("its key");
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(cert.clone()).expect("an authority");
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                config
                    .with_no_client_auth()
                    .with_single_cert(vec![cert], key)
            })
            .expect("a server");
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("a client")
            .with_webpki_verifier(verifier.build().expect("a verifier"))
            .with_no_client_auth();
        let (mut server, mut client) = (server, client);
        for protocols in [&mut server.alpn_protocols, &mut client.alpn_protocols] {
            protocols.push(b"minirpc".to_vec());
        }
        Peers {
            server: Arc::new(server),
            client: Arc::new(client),
        }
    })
}

struct Session {
    table: &'static Table,
    session: *mut c_void,
    state: c_int,
}

impl Session {
    fn open(attached: &'static Attached) -> Session {
        let end = End {
            size: size_of::<End>(),
            server: 0,
            bound: 1,
            host: null(),
            address: null::<c_void>().wrapping_add(8),
            address_len: 0,
        };
        let (mut session, mut text) = (null_mut(), [0; 100]);
        // SAFETY: as the library calls it.
        let made = unsafe {
            let (at, end) = (&raw mut session, &raw const end);
            (attached.table.open)(attached.shared, end, at, text.as_mut_ptr(), text.len())
        };
        assert_eq!(made, 0);
        let table = attached.table;
        Session {
            table,
            session,
            state: SEND,
        }
    }

    /// What it takes of the wire, and what it gives.
    fn receive(&mut self, wire: &[u8], room: usize) -> (usize, Vec<u8>) {
        let (mut taken, mut given) = (0, 0);
        let mut plain = vec![0; room];
        // SAFETY: all is as long as is said.
        self.state = unsafe {
            (self.table.receive)(
                self.session,
                wire.as_ptr().cast(),
                wire.len(),
                &raw mut taken,
                plain.as_mut_ptr().cast(),
                room,
                &raw mut given,
            )
        };
        assert!(taken <= wire.len() && given <= room);
        let over = self.state & (ENDED | FAILED) != 0;
        assert!(taken + given > 0 || wire.is_empty() || over || room == 0);
        plain.truncate(given);
        (taken, plain)
    }

    fn send(&mut self, pieces: &[&[u8]]) -> (usize, Vec<u8>) {
        let piece = |bytes: &&[u8]| libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        let vector: Vec<libc::iovec> = pieces.iter().map(piece).collect();
        let len: usize = pieces.iter().map(|bytes| bytes.len()).sum();
        let mut wire = vec![0; len + len / 8 + 1024];
        let (mut taken, mut given) = (0, 0);
        // SAFETY: all is as long as is said, and nothing is written to the pieces.
        self.state = unsafe {
            (self.table.send)(
                self.session,
                vector.as_ptr(),
                vector.len(),
                &raw mut taken,
                wire.as_mut_ptr().cast(),
                wire.len(),
                &raw mut given,
            )
        };
        assert!(taken <= len && given <= wire.len());
        wire.truncate(given);
        (taken, wire)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: opened once, and not used any more.
        unsafe { (self.table.free)(self.session) };
    }
}

enum Peer {
    Server(ServerConnection),
    Client(ClientConnection),
}

macro_rules! peer {
    ($peer:expr, $conn:ident => $do:expr) => {
        match $peer {
            Peer::Server($conn) => $do,
            Peer::Client($conn) => $do,
        }
    };
}

struct Pair {
    ours: Session,
    peer: Peer,
    /// Under way to us, and plain bytes that are in it or have been.
    coming: Vec<u8>,
    said: Vec<u8>,
    heard: Vec<u8>,
    /// The other way.
    told: Vec<u8>,
    understood: Vec<u8>,
    tampered: bool,
    peer_ended: bool,
    we_ended: bool,
    refreshed: u32,
}

impl Pair {
    fn new(server: bool) -> Pair {
        let peers = peers();
        let attached = if server { &SERVER } else { &CLIENT };
        let mut peer = if server {
            let name = ServerName::try_from("localhost").expect("a name");
            let config = Arc::clone(&peers.client);
            Peer::Client(ClientConnection::new(config, name).expect("a client"))
        } else {
            let config = Arc::clone(&peers.server);
            Peer::Server(ServerConnection::new(config).expect("a server"))
        };
        peer!(&mut peer, conn => conn.set_buffer_limit(None));
        let mut pair = Pair {
            ours: Session::open(attached.get().expect("attached")),
            peer,
            coming: Vec::new(),
            said: Vec::new(),
            heard: Vec::new(),
            told: Vec::new(),
            understood: Vec::new(),
            tampered: false,
            peer_ended: false,
            we_ended: false,
            refreshed: 0,
        };
        while pair.ours.state & READY == 0 || peer!(&pair.peer, conn => conn.is_handshaking()) {
            pair.tell(&[]);
            pair.say(&[]);
            assert!(pair.hear(usize::MAX, 64) > 0 || pair.ours.state & READY != 0);
            assert_eq!(pair.ours.state & FAILED, 0);
        }
        pair
    }

    /// The peer sends.
    fn say(&mut self, plain: &[u8]) {
        self.said.extend(plain);
        let coming = &mut self.coming;
        peer!(&mut self.peer, conn => {
            if let Err(e) = conn.writer().write_all(plain) {
                // It has had an alert.
                assert!(self.tampered, "{e}");
                return;
            }
            while conn.wants_write() {
                conn.write_tls(coming).expect("memory");
            }
        });
    }

    /// So much of what is under way arrives; gives how much was taken of it.
    fn hear(&mut self, most: usize, room: usize) -> usize {
        let most = most.min(self.coming.len());
        let (mut arrived, mut more) = (0, true);
        while arrived < most || more {
            let (taken, plain) = self.ours.receive(&self.coming[arrived..most], room.max(1));
            self.heard.extend(&plain);
            arrived += taken;
            more = self.ours.state & MORE != 0;
            if taken + plain.len() == 0 {
                break;
            }
        }
        // What a session that is over does not take is nobody's.
        self.coming.drain(..most);
        arrived
    }

    /// We send.
    fn tell(&mut self, pieces: &[&[u8]]) {
        let mut wire = Vec::new();
        let mut rest = pieces.concat();
        let (taken, sealed) = self.ours.send(pieces);
        wire.extend(sealed);
        self.told.extend(rest.drain(..taken));
        while self.ours.state & SEND != 0 {
            let (_, sealed) = self.ours.send(&[]);
            assert!(!sealed.is_empty());
            wire.extend(sealed);
        }
        let (understood, mut wire) = (&mut self.understood, &wire[..]);
        peer!(&mut self.peer, conn => {
            while !wire.is_empty() {
                if conn.read_tls(&mut wire).expect("room") == 0 {
                    // Behind the end.
                    return;
                }
                match conn.process_new_packets() {
                    Ok(news) => {
                        let mut plain = vec![0; news.plaintext_bytes_to_read()];
                        conn.reader().read_exact(&mut plain).expect("so much");
                        understood.extend(plain);
                    }
                    Err(e) => {
                        // An alert about what was tampered with.
                        assert!(self.tampered, "{e}");
                        return;
                    }
                }
            }
        });
    }

    fn compare(&self) {
        assert!(self.said.starts_with(&self.heard), "bytes that nobody sent");
        let state = self.ours.state;
        if !self.tampered {
            assert_eq!(state & FAILED, 0);
            assert_eq!(self.understood, self.told);
            if self.coming.is_empty() {
                assert_eq!(self.heard, self.said);
                assert_eq!(state & ENDED != 0, self.peer_ended);
            }
        }
        let mut text = [1; 200];
        // SAFETY: a session that lives, and room for so much.
        unsafe { (self.ours.table.get_error)(self.ours.session, text.as_mut_ptr(), text.len()) };
        // SAFETY: there is a zero byte.
        let text = unsafe { CStr::from_ptr(text.as_ptr()) };
        assert_eq!(text.is_empty(), state & FAILED == 0);
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.below(12) {
            0..=2 if !self.peer_ended => {
                let len = choices.length() * usize::from(choices.byte() % 4 + 1);
                self.say(&pattern(len, 3));
            }
            3..=5 => {
                let (most, room) = (choices.length(), choices.length());
                self.hear(most, room);
            }
            6 => {
                self.hear(usize::MAX, 4096);
            }
            // As transport.h has it, nothing is given after the end.
            7 if !self.we_ended => {
                let (one, other) = (choices.length(), choices.length());
                self.tell(&[&pattern(one, 5), &pattern(other, 6)]);
                assert!(self.tampered || self.told.len() >= one + other);
            }
            // rustls takes 32 of them for a misbehaving peer's.
            8 if self.refreshed < 30 => {
                self.refreshed += 1;
                // The peer's keys change, and ours are to.
                let done = peer!(&mut self.peer, conn => conn.refresh_traffic_keys());
                if done.is_ok() && !self.peer_ended {
                    self.say(&[]);
                }
            }
            9 if !choices.flag() && !self.peer_ended => {
                peer!(&mut self.peer, conn => conn.send_close_notify());
                self.say(&[]);
                self.peer_ended = true;
            }
            10 if !choices.flag() => {
                // SAFETY: a session that lives.
                self.ours.state = unsafe { (self.ours.table.end)(self.ours.session) };
                self.tell(&[]);
                self.we_ended = true;
            }
            11 => self.tamper(choices),
            _ => {}
        }
        self.compare();
    }

    fn tamper(&mut self, choices: &mut Choices<'_>) {
        let at = choices.length().min(self.coming.len());
        match choices.below(3) {
            0 if at < self.coming.len() => self.coming[at] ^= 1 << choices.below(8),
            1 => {
                let len = choices.length();
                let made_up = choices.bytes(len);
                self.coming.splice(at..at, made_up.iter().copied());
                if made_up.is_empty() {
                    return;
                }
            }
            2 if at < self.coming.len() => {
                self.coming.remove(at);
            }
            _ => return,
        }
        self.tampered = true;
    }
}

fuzz_target!(|data: &[u8]| {
    thread_local! {
        // A handshake takes longer than all the rest: what nobody has spoilt is used again.
        static KEPT: std::cell::RefCell<[Option<Pair>; 2]> = const { std::cell::RefCell::new([None, None]) };
    }
    let mut choices = Choices::new(data);
    let server = choices.flag();
    let kept = KEPT.with_borrow_mut(|kept| kept[usize::from(server)].take());
    let mut pair = kept.unwrap_or_else(|| Pair::new(server));
    while !choices.is_empty() {
        pair.step(&mut choices);
    }
    pair.hear(usize::MAX, 512);
    pair.compare();
    if !(pair.tampered || pair.peer_ended || pair.we_ended) {
        for bytes in [
            &mut pair.said,
            &mut pair.heard,
            &mut pair.told,
            &mut pair.understood,
        ] {
            bytes.clear();
        }
        KEPT.with_borrow_mut(|kept| kept[usize::from(server)] = Some(pair));
    }
});
