//! What C sees. The comments of the functions are those of include/minirpc/tls.h, which cbindgen
//! makes of them (`make header`); what they say about pointers is each function's safety contract.

#![allow(unsafe_code, reason = "this is the boundary")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the comments are the C header's; it states the contract once, at its top"
)]

use crate::abi::{
    mrpc_conn_get_session, mrpc_conn_set, mrpc_connection, mrpc_set_transport, mrpc_tls,
    mrpc_tls_info,
};
use crate::pem::Source;
use crate::session::Session;
use crate::settings::{server_name, Tls};
use crate::table::{put_text, TABLE};
use crate::text::Result;
use core::ffi::{c_char, c_int, c_void, CStr};
use core::ptr::{null, null_mut};
use std::slice;
use std::sync::Arc;

/// Runs `set` on settings; EINVAL for NULL.
///
/// # Safety
/// `tls` is NULL or alive.
unsafe fn with(tls: *mut mrpc_tls, set: impl FnOnce(&Tls) -> Result<()>) -> c_int {
    // SAFETY: by the contract, what `mrpc_tls_create` made.
    match unsafe { tls.cast::<Tls>().as_ref() } {
        Some(tls) => tls.note(set(tls)),
        None => libc::EINVAL,
    }
}

/// # Safety
/// `at` is NULL, or there are `len` bytes.
unsafe fn memory<'a>(name: &str, at: *const c_void, len: usize) -> Option<Source<'a>> {
    if at.is_null() {
        return None;
    }
    // SAFETY: by the contract.
    let bytes = unsafe { slice::from_raw_parts(at.cast(), len) };
    Some(Source::memory(name, bytes))
}

/// # Safety
/// `text` is NULL or a string.
unsafe fn string<'a>(text: *const c_char) -> Option<&'a CStr> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by the contract.
    Some(unsafe { CStr::from_ptr(text) })
}

/// Makes settings: no identity, no trust, clients are not asked for certificates, sessions are
/// not taken up again.
///
/// tls: where they go; *tls becomes NULL if that fails.
///
/// Returns 0; EINVAL if tls is NULL. The caller owns one reference, to be dropped by
/// mrpc_tls_unref(). Sets hold what they need of them: they may go before the sets. Any thread may
/// call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_create(tls: *mut *mut mrpc_tls) -> c_int {
    // SAFETY: the caller passes NULL or a place.
    let Some(place) = (unsafe { tls.as_mut() }) else {
        return libc::EINVAL;
    };
    *place = Arc::into_raw(Arc::<Tls>::default()).cast_mut().cast();
    0
}

/// Takes a reference.
///
/// tls: the settings; NULL does nothing.
///
/// Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_ref(tls: *mut mrpc_tls) {
    if !tls.is_null() {
        // SAFETY: what `mrpc_tls_create` made, and the caller holds.
        unsafe { Arc::increment_strong_count(tls.cast::<Tls>()) };
    }
}

/// Drops a reference.
///
/// tls: the settings; NULL does nothing.
///
/// Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_unref(tls: *mut mrpc_tls) {
    if !tls.is_null() {
        // SAFETY: what `mrpc_tls_create` made, of which the caller gives one reference up.
        unsafe { Arc::decrement_strong_count(tls.cast::<Tls>()) };
    }
}

/// Says who we are, by a certificate and its key. A server needs that; a client does where its
/// servers ask for certificates. Replaces what was said before.
///
/// tls: the settings.
/// cert_file: a file in PEM with our certificate, and behind it those of the intermediate
///     authorities, if there are any.
/// key_file: a file in PEM with the key: RSA with 2048 to 4096 bits, ECDSA with P-256 or P-384, or
///     Ed25519, and not encrypted. It may be the same file.
///
/// Returns 0; EINVAL if an argument is NULL, a file has no certificate or no key that can be used,
/// the key does not belong to the certificate, or the certificate has expired; what opening and
/// reading gives (ENOENT, EACCES). mrpc_tls_get_error() has the reason. Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_set_identity(
    tls: *mut mrpc_tls,
    cert_file: *const c_char,
    key_file: *const c_char,
) -> c_int {
    // SAFETY: the caller passes NULL or strings.
    let (Some(cert), Some(key)) = (unsafe { (string(cert_file), string(key_file)) }) else {
        return libc::EINVAL;
    };
    // SAFETY: the caller passes NULL or settings that it holds.
    unsafe {
        with(tls, |tls| {
            tls.set_identity(&Source::file(cert)?, &Source::file(key)?)
        })
    }
}

/// As mrpc_tls_set_identity(), of what is in memory.
///
/// tls: the settings.
/// cert, cert_len: the certificates in PEM.
/// key, key_len: the key in PEM.
///
/// Returns as mrpc_tls_set_identity(). All is copied. Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_set_identity_pem(
    tls: *mut mrpc_tls,
    cert: *const c_void,
    cert_len: usize,
    key: *const c_void,
    key_len: usize,
) -> c_int {
    // SAFETY: the caller passes NULL or memory of these lengths.
    let pem = unsafe {
        (
            memory("certificate", cert, cert_len),
            memory("key", key, key_len),
        )
    };
    let (Some(cert), Some(key)) = pem else {
        return libc::EINVAL;
    };
    // SAFETY: the caller passes NULL or settings that it holds.
    unsafe { with(tls, |tls| tls.set_identity(&cert, &key)) }
}

/// Trusts authorities, beside those that are trusted already. A client that trusts none by this
/// trusts those of the system.
///
/// tls: the settings.
/// ca_file: a file in PEM with certificates of authorities; NULL: those that the system trusts, as
///     SSL_CERT_FILE, SSL_CERT_DIR, or the usual places have them.
///
/// Returns 0; EINVAL if tls is NULL, or no certificate is found, or one of them is not valid; what
/// opening and reading gives. mrpc_tls_get_error() has the reason. Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_trust(tls: *mut mrpc_tls, ca_file: *const c_char) -> c_int {
    // SAFETY: the caller passes NULL or a string.
    let file = unsafe { string(ca_file) };
    // SAFETY: the caller passes NULL or settings that it holds.
    unsafe {
        with(tls, |tls| match file {
            Some(file) => tls.trust(&Source::file(file)?),
            None => tls.trust_system(),
        })
    }
}

/// As mrpc_tls_trust(), of what is in memory.
///
/// tls: the settings.
/// ca, len: certificates of authorities in PEM.
///
/// Returns as mrpc_tls_trust(); EINVAL also if ca is NULL. All is copied. Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_trust_pem(
    tls: *mut mrpc_tls,
    ca: *const c_void,
    len: usize,
) -> c_int {
    // SAFETY: the caller passes NULL or memory of that length.
    let Some(ca) = (unsafe { memory("authorities", ca, len) }) else {
        return libc::EINVAL;
    };
    // SAFETY: the caller passes NULL or settings that it holds.
    unsafe { with(tls, |tls| tls.trust(&ca)) }
}

/// Refuses certificates that authorities have revoked, by their lists. Replaces what was said
/// before. A certificate whose issuer has no list here counts as not revoked; a list counts also
/// when its next update is overdue.
///
/// tls: the settings.
/// crl_file: a file in PEM with certificate revocation lists.
///
/// Returns 0; EINVAL if an argument is NULL, or no valid list is found; what opening and reading
/// gives. mrpc_tls_get_error() has the reason. Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_set_crl(tls: *mut mrpc_tls, crl_file: *const c_char) -> c_int {
    // SAFETY: the caller passes NULL or a string.
    let Some(file) = (unsafe { string(crl_file) }) else {
        return libc::EINVAL;
    };
    // SAFETY: the caller passes NULL or settings that it holds.
    unsafe { with(tls, |tls| tls.set_crl(&Source::file(file)?)) }
}

/// Says whether a server asks its clients for certificates, which then have to be signed by the
/// authorities that it trusts. Clients always check their servers.
///
/// tls: the settings.
/// check: of enum mrpc_tls_peer_check; MRPC_TLS_PEER_NONE is the default.
///
/// Returns 0; EINVAL if tls is NULL or check is none of these. Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_set_peer_check(tls: *mut mrpc_tls, check: c_int) -> c_int {
    // SAFETY: the caller passes NULL or settings that it holds.
    unsafe { with(tls, |tls| tls.set_check(check)) }
}

/// Says which name a client's server has to have, whatever it was reached by. Without this it is
/// the host that mrpc_connect() was given ("localhost" for NULL; of an address in figures, that
/// address); sockets of the Unix family and bound ones have none, and need this.
///
/// tls: the settings.
/// name: a name, or an address in figures; NULL: the host's again.
///
/// Returns 0; EINVAL if tls is NULL, or no certificate could have such a name. Any thread may call
/// it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_set_server_name(
    tls: *mut mrpc_tls,
    name: *const c_char,
) -> c_int {
    // SAFETY: the caller passes NULL or a string.
    let name = unsafe { string(name) };
    // SAFETY: the caller passes NULL or settings that it holds.
    unsafe { with(tls, |tls| tls.set_name(name.map(CStr::to_bytes))) }
}

/// Allows sessions to be taken up again, which saves most of the next handshake. Off by default:
/// some peers fail at the tickets that a server sends for that, such as wolfSSL 5.5.
///
/// tls: the settings.
/// enabled: not 0 to allow it.
///
/// Returns 0; EINVAL if tls is NULL. What may be taken up again is forgotten with the next
/// mrpc_set_tls(). Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_set_resumption(tls: *mut mrpc_tls, enabled: c_int) -> c_int {
    // SAFETY: the caller passes NULL or settings that it holds.
    unsafe {
        with(tls, |tls| {
            tls.settings().resumption = enabled != 0;
            Ok(())
        })
    }
}

/// Tells why the last function on settings failed, mrpc_set_tls() included, in a user's words:
/// "server.pem: the key does not belong to the certificate".
///
/// tls: the settings.
/// text: where the text goes, with a zero byte at its end; empty if it did not fail.
/// size: how many bytes there are at text; a longer text is cut.
///
/// Returns 0; EINVAL if tls or text is NULL or size is 0. Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_tls_get_error(
    tls: *mut mrpc_tls,
    text: *mut c_char,
    size: usize,
) -> c_int {
    // SAFETY: the caller passes NULL or settings that it holds.
    let tls = unsafe { tls.cast::<Tls>().as_ref() };
    let (Some(tls), false, false) = (tls, text.is_null(), size == 0) else {
        return libc::EINVAL;
    };
    // SAFETY: the caller has `size` bytes there.
    unsafe { put_text(&tls.error(), text, size) };
    0
}

/// Has all connections that a set makes from now on encrypted, as the settings are at this moment:
/// what is changed in them later takes another call. Connections that exist stay as they are.
///
/// The handshake is part of connecting: see mrpc_set_transport() in <minirpc/transport.h>. Where it
/// fails, mrpc_connect() returns EPROTO and mrpc_conn_get_error() has the reason; the handle can be
/// used again. With TLS 1.3 a server's refusal of the client's certificate may arrive after
/// mrpc_connect() has returned 0: then it is an ioerr event, and MRPC_DISC_IOERR.
///
/// set: the set.
/// tls: the settings; NULL: plain connections again.
///
/// Returns 0; EINVAL if set is NULL, a server's settings have no identity, clients are to be checked
/// and no authority is trusted, or a client trusts none and the system none either;
/// mrpc_tls_get_error() has the reason. On an error, all stays as it was. Any thread may call it,
/// also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_tls(set: *mut mrpc_conn_set, tls: *mut mrpc_tls) -> c_int {
    let table = if tls.is_null() {
        null()
    } else {
        &raw const TABLE
    };
    // SAFETY: the caller passes NULL or a set that it holds, and settings likewise.
    unsafe { mrpc_set_transport(set, table, tls.cast()) }
}

/// The session of a connection.
///
/// # Safety
/// `conn` is NULL or a handle that lives, as long as the session is used.
unsafe fn session<'a>(conn: *mut mrpc_connection) -> core::result::Result<&'a Session, c_int> {
    let mut session = null_mut();
    // SAFETY: by the contract.
    match unsafe { mrpc_conn_get_session(conn, &raw const TABLE, &raw mut session) } {
        // SAFETY: of our table, so what `open` made; it stays until the handle goes.
        0 => Ok(unsafe { &*session.cast::<Session>() }),
        // Plain.
        libc::ENOENT => Err(libc::ENOTCONN),
        code => Err(code),
    }
}

/// Tells what a connection's handshake has come to.
///
/// conn: the handle.
/// info: where it goes. The caller has set info->size to sizeof *info; members that only the
///     caller knows become 0, and info->size what was filled in.
///
/// Returns 0, from the end of the handshake until the handle goes; ENOTCONN before, and if the
/// connection has no TLS; EINVAL if an argument is NULL or info->size is too small. Any thread may
/// call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_get_tls(
    conn: *mut mrpc_connection,
    info: *mut mrpc_tls_info,
) -> c_int {
    let ours = size_of::<mrpc_tls_info>();
    // SAFETY: the caller passes NULL or a structure that begins with its size.
    if info.is_null() || unsafe { (*info).size } < ours {
        return libc::EINVAL;
    }
    // SAFETY: the caller passes NULL or a handle that lives.
    let session = match unsafe { session(conn) } {
        Ok(session) => session,
        Err(code) => return code,
    };
    let Some(found) = session.info() else {
        return libc::ENOTCONN;
    };
    // SAFETY: a structure of that size, ours being the first part.
    unsafe {
        let room = (*info).size;
        info.cast::<u8>().write_bytes(0, room);
        (*info).size = ours;
        (*info).version = found.version.into();
        (*info).resumed = found.resumed.into();
        put_text(&found.suite, (&raw mut (*info).suite).cast(), 64);
        put_text(&found.sni, (&raw mut (*info).sni).cast(), 256);
    }
    0
}

/// Gives a peer's certificate, whose chain has been checked.
///
/// conn: the handle.
/// der: where the certificate goes, in DER; may be NULL if *len is 0.
/// len: how many bytes there are at der; becomes the length of the certificate.
///
/// Returns 0, from the end of the handshake until the handle goes; ERANGE, and *len, if there is
/// too little room; ENOENT if the peer has sent none; ENOTCONN as mrpc_conn_get_tls(); EINVAL if
/// conn or len is NULL, or der is and *len is not 0. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_get_peer_certificate(
    conn: *mut mrpc_connection,
    der: *mut c_void,
    len: *mut usize,
) -> c_int {
    // SAFETY: the caller passes NULL or a length of its own.
    let Some(len) = (unsafe { len.as_mut() }) else {
        return libc::EINVAL;
    };
    if der.is_null() && *len > 0 {
        return libc::EINVAL;
    }
    // SAFETY: the caller passes NULL or a handle that lives.
    let session = match unsafe { session(conn) } {
        Ok(session) => session,
        Err(code) => return code,
    };
    let Some(certificate) = session.peer_certificate() else {
        return libc::ENOENT;
    };
    let room = core::mem::replace(len, certificate.len());
    if room < certificate.len() {
        return libc::ERANGE;
    }
    // SAFETY: the caller has `room` bytes there.
    unsafe {
        certificate
            .as_ptr()
            .copy_to_nonoverlapping(der.cast(), certificate.len());
    }
    0
}

/// Looks whether a peer's certificate is for a name: what an accept function asks of a client.
///
/// conn: the handle.
/// name: a name, or an address in figures; wildcards in the certificate count.
///
/// Returns 0 if it is; EACCES if it is for others only; ENOENT if the peer has sent none; ENOTCONN
/// as mrpc_conn_get_tls(); EINVAL if an argument is NULL, or no certificate could have such a name.
/// Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_check_peer_name(
    conn: *mut mrpc_connection,
    name: *const c_char,
) -> c_int {
    // SAFETY: the caller passes NULL or a string.
    let Some(name) = (unsafe { string(name) }) else {
        return libc::EINVAL;
    };
    let Ok(name) = server_name(name.to_bytes()) else {
        return libc::EINVAL;
    };
    // SAFETY: the caller passes NULL or a handle that lives.
    let session = match unsafe { session(conn) } {
        Ok(session) => session,
        Err(code) => return code,
    };
    let Some(certificate) = session.peer_certificate() else {
        return libc::ENOENT;
    };
    let checked = webpki::EndEntityCert::try_from(&certificate)
        .and_then(|parsed| parsed.verify_is_valid_for_subject_name(&name));
    match checked {
        Ok(()) => 0,
        Err(_) => libc::EACCES,
    }
}
