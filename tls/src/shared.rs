//! What a set's sessions share: the settings as they were when the set took them on.

use crate::session::{Session, Side};
use crate::settings::{server_name, system_roots, Check, Settings};
use crate::text::{of_error, Failure, Result};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{ring, CryptoProvider};
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use std::net::IpAddr;
use std::sync::Arc;

/// What we say, and ask for, in ALPN.
const PROTOCOL: &[u8] = b"minirpc";
/// Sessions that are kept for being taken up again.
const SESSIONS: usize = 256;

pub enum Shared {
    Client {
        config: Arc<ClientConfig>,
        name: Option<ServerName<'static>>,
    },
    Server(Arc<ServerConfig>),
}

/// Whom a client wants to talk to.
pub enum Target<'a> {
    /// As it was asked to connect, and the address that came of it, if it is one of the Internet's.
    Connected(Option<&'a [u8]>, Option<IpAddr>),
    /// A socket without a name: bound, or of the Unix family.
    Unnamed,
}

impl Shared {
    /// Checks the settings as a whole.
    pub fn new(settings: &Settings, server: bool) -> Result<Shared> {
        let provider = Arc::new(ring::default_provider());
        if server {
            server_config(settings, provider).map(|config| Shared::Server(Arc::new(config)))
        } else {
            Ok(Shared::Client {
                config: Arc::new(client_config(settings, provider)?),
                name: settings.name.clone(),
            })
        }
    }

    pub fn open(&self, target: &Target<'_>) -> Result<Session> {
        let side = match self {
            Shared::Server(config) => {
                Side::Server(ServerConnection::new(Arc::clone(config)).map_err(unmade)?)
            }
            Shared::Client { config, name } => {
                let name = match name {
                    Some(name) => name.clone(),
                    None => name_of(target)?,
                };
                let asked = name.to_str().into_owned();
                let made = ClientConnection::new(Arc::clone(config), name).map_err(unmade)?;
                Side::Client(made, asked)
            }
        };
        Ok(Session::new(side))
    }
}

fn unmade(e: rustls::Error) -> Failure {
    Failure::invalid(of_error(&e, "peer"))
}

/// The name that the server's certificate has to have.
fn name_of(target: &Target<'_>) -> Result<ServerName<'static>> {
    match target {
        Target::Unnamed => Err(Failure::new(
            libc::EDESTADDRREQ,
            "no name to check the server's certificate for: mrpc_tls_set_server_name() sets one",
        )),
        Target::Connected(host, address) => {
            let host = host.unwrap_or(b"localhost");
            match (server_name(host), address) {
                (Ok(name), _) => Ok(name),
                // Ways to write addresses that only the resolver knows, such as 127.1.
                (Err(_), Some(address)) if looks_numeric(host) => {
                    Ok(ServerName::IpAddress((*address).into()))
                }
                (Err(failure), _) => Err(failure),
            }
        }
    }
}

/// Digits and dots, hexadecimal, or with an interface behind a colon: as getaddrinfo takes
/// addresses, and no name is written.
fn looks_numeric(host: &[u8]) -> bool {
    let v6 = host.contains(&b':');
    let v4 = host.split(|byte| *byte == b'.').all(|part| match part {
        [b'0', b'x' | b'X', rest @ ..] => rest.iter().all(u8::is_ascii_hexdigit),
        digits => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
    });
    v6 || v4
}

fn store(settings: &Settings) -> Arc<RootCertStore> {
    let mut store = RootCertStore::empty();
    for root in &settings.roots {
        // Each has been added to one before.
        let _ = store.add(root.clone());
    }
    Arc::new(store)
}

fn client_config(settings: &Settings, provider: Arc<CryptoProvider>) -> Result<ClientConfig> {
    let mut settings = settings.clone();
    if settings.roots.is_empty() {
        settings.roots = system_roots()
            .map_err(|e| e.of("no authority is trusted: mrpc_tls_trust() adds one"))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(store(&settings), provider.clone())
        .with_crls(settings.crls.clone())
        .allow_unknown_revocation_status()
        .build()
        .map_err(|e| Failure::invalid(e.to_string()))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unmade)?
        .with_webpki_verifier(verifier);
    let mut config = match &settings.identity {
        Some(identity) => {
            let resolver = SingleCertAndKey::from(Arc::clone(identity));
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = match settings.resumption {
        true => Resumption::in_memory_sessions(SESSIONS),
        false => Resumption::disabled(),
    };
    Ok(config)
}

fn server_config(settings: &Settings, provider: Arc<CryptoProvider>) -> Result<ServerConfig> {
    let Some(identity) = &settings.identity else {
        let why = "a server needs a certificate and a key: mrpc_tls_set_identity()";
        return Err(Failure::invalid(why));
    };
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(unmade)?;
    let builder = if settings.check == Check::None {
        builder.with_no_client_auth()
    } else {
        if settings.roots.is_empty() {
            let why = "clients' certificates are to be checked, and no authority is trusted: \
                       mrpc_tls_trust() adds one";
            return Err(Failure::invalid(why));
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(store(settings), provider)
            .with_crls(settings.crls.clone())
            .allow_unknown_revocation_status();
        let verifier = match settings.check {
            Check::Required => verifier,
            _ => verifier.allow_unauthenticated(),
        };
        let verifier = verifier
            .build()
            .map_err(|e| Failure::invalid(e.to_string()))?;
        builder.with_client_cert_verifier(verifier)
    };
    let resolver = SingleCertAndKey::from(Arc::clone(identity));
    let mut config = builder.with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    if settings.resumption {
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        config.ticketer = ring::Ticketer::new().map_err(unmade)?;
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // Some clients fail at tickets.
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}
