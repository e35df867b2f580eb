//! TLS under a connection, by rustls: as libminirpc-tls speaks it.

use std::fmt::Display;
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::crypto::{ring, CryptoProvider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
};

use crate::address::{Address, Stream};
use crate::cli::Tls;
use crate::failure::Failure;

/// What both ends say in ALPN.
const PROTOCOL: &[u8] = b"minirpc";

#[derive(Clone)]
pub enum Settings {
    Client(Arc<ClientConfig>, Option<ServerName<'static>>),
    Server(Arc<ServerConfig>),
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn wrong(path: &Path, why: impl Display) -> Failure {
    Failure::usage(format!("{}: {why}", path.display()))
}

impl Tls {
    /// None without --tls.
    pub fn client(&self) -> Result<Option<Settings>, Failure> {
        if !self.tls {
            return Ok(None);
        }
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unmade)?
            .with_root_certificates(self.authorities()?);
        let mut config = match self.identity()? {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(unmade)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        let name = self.name.as_deref().map(server_name).transpose()?;
        Ok(Some(Settings::Client(Arc::new(config), name)))
    }

    pub fn server(&self) -> Result<Option<Settings>, Failure> {
        if !self.tls {
            return Ok(None);
        }
        let Some((chain, key)) = self.identity()? else {
            return Err(Failure::usage("a server with --tls needs --cert and --key"));
        };
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unmade)?;
        let builder = match &self.ca {
            Some(_) => builder.with_client_cert_verifier(self.verifier(provider)?),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(unmade)?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // Some clients fail at tickets.
        config.send_tls13_tickets = 0;
        Ok(Some(Settings::Server(Arc::new(config))))
    }

    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, Failure> {
        let roots = Arc::new(self.authorities()?);
        WebPkiClientVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| Failure::usage(format!("TLS: {error}")))
    }

    fn authorities(&self) -> Result<RootCertStore, Failure> {
        let mut store = RootCertStore::empty();
        match &self.ca {
            Some(path) => {
                for certificate in certificates(path)? {
                    store.add(certificate).map_err(|error| wrong(path, error))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                store.add_parsable_certificates(found.certs);
                if store.is_empty() {
                    let why = "the system trusts no authority: name one by --ca";
                    return Err(Failure::usage(why));
                }
            }
        }
        Ok(store)
    }

    fn identity(&self) -> Result<Option<Identity>, Failure> {
        let (Some(cert), Some(key)) = (&self.cert, &self.key) else {
            return Ok(None);
        };
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| wrong(key, format_args!("no key that can be used: {error}")))?;
        Ok(Some((certificates(cert)?, private)))
    }
}

fn unmade(error: rustls::Error) -> Failure {
    Failure::usage(format!("TLS: {error}"))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let found = CertificateDer::pem_file_iter(path).map_err(|error| wrong(path, error))?;
    let found = found.collect::<Result<Vec<_>, _>>();
    match found.map_err(|error| wrong(path, error))? {
        found if found.is_empty() => Err(wrong(path, "no certificate in PEM")),
        found => Ok(found),
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, Failure> {
    ServerName::try_from(name.to_owned())
        .map_err(|_| Failure::usage(format!("`{name}` is no name that a certificate could have")))
}

/// The name in the certificate of whoever is there; `at` is what it came to.
fn name_of(address: &Address, at: Option<IpAddr>) -> io::Result<ServerName<'static>> {
    let missing = "no name to check the server's certificate for: give it by --name";
    let Address::Tcp { host, .. } = address else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, missing));
    };
    let host = if host.is_empty() { "localhost" } else { host };
    match (ServerName::try_from(host.to_owned()), at) {
        (Ok(name), _) => Ok(name),
        // Ways to write addresses that only the resolver knows.
        (Err(_), Some(address)) => Ok(ServerName::IpAddress(address.into())),
        (Err(_), None) => Err(io::Error::new(io::ErrorKind::InvalidInput, missing)),
    }
}

/// The same error, in a user's words if it is of TLS.
fn in_words(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner.map(explain) {
        Some(text) => io::Error::new(error.kind(), text),
        None => error,
    }
}

fn explain(error: &rustls::Error) -> String {
    use rustls::{CertificateError as Bad, Error};
    let remedy = match error {
        Error::InvalidCertificate(Bad::UnknownIssuer) => {
            "no authority that is trusted has signed the peer's certificate (--ca names one)"
        }
        Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "the peer's certificate is for another name (--name says which is meant)"
        }
        Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "the peer's certificate has expired"
        }
        Error::NoCertificatesPresented
        | Error::AlertReceived(rustls::AlertDescription::CertificateRequired) => {
            "a client's certificate is required (--cert and --key)"
        }
        Error::InvalidMessage(_) => "the peer does not speak TLS",
        other => return format!("TLS: {other}"),
    };
    format!("TLS: {remedy}")
}

/// One end of a connection. Clones share it: one may read while another one writes.
#[derive(Clone, Debug)]
pub struct Session {
    state: Arc<Mutex<Connection>>,
    /// Who writes to the socket: what has been sealed first goes first.
    turn: Arc<Mutex<()>>,
}

impl Settings {
    /// The session, with its handshake done; the socket's timeouts hold for each step.
    pub fn open(
        &self,
        socket: &mut Stream,
        address: Option<(&Address, Option<IpAddr>)>,
    ) -> io::Result<Session> {
        let failed = |error| io::Error::new(io::ErrorKind::InvalidData, explain(&error));
        let mut state: Connection = match self {
            Settings::Client(config, name) => {
                let name = match (name, address) {
                    (Some(name), _) => name.clone(),
                    (None, Some((address, at))) => name_of(address, at)?,
                    (None, None) => return Err(io::ErrorKind::InvalidInput.into()),
                };
                ClientConnection::new(Arc::clone(config), name)
                    .map_err(failed)?
                    .into()
            }
            Settings::Server(config) => ServerConnection::new(Arc::clone(config))
                .map_err(failed)?
                .into(),
        };
        // What is written would otherwise end at 64 KiB.
        state.set_buffer_limit(None);
        while state.is_handshaking() {
            state.complete_io(socket).map_err(in_words)?;
        }
        Ok(Session {
            state: Arc::new(Mutex::new(state)),
            turn: Arc::new(Mutex::new(())),
        })
    }
}

impl Session {
    fn state(&self) -> MutexGuard<'_, Connection> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn read(&self, socket: &mut impl io::Read, to: &mut [u8]) -> io::Result<usize> {
        let mut sealed = [0; 16 << 10];
        loop {
            match self.state().reader().read(to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Also the end, with or without a goodbye.
                other => return other,
            }
            // Not with the session locked: others write meanwhile.
            let have = socket.read(&mut sealed)?;
            let mut rest = &sealed[..have];
            let mut state = self.state();
            loop {
                state.read_tls(&mut rest)?;
                state
                    .process_new_packets()
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, explain(&error)))?;
                if rest.is_empty() {
                    break;
                }
            }
        }
    }

    pub fn write(&self, socket: &mut impl io::Write, from: &[u8]) -> io::Result<usize> {
        self.seal(socket, |state| state.writer().write_all(from))?;
        Ok(from.len())
    }

    /// Says that no more will come.
    pub fn finish(&self, socket: &mut impl io::Write) -> io::Result<()> {
        self.seal(socket, |state| {
            state.send_close_notify();
            Ok(())
        })
    }

    fn seal(
        &self,
        socket: &mut impl io::Write,
        what: impl FnOnce(&mut Connection) -> io::Result<()>,
    ) -> io::Result<()> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sealed = Vec::new();
        {
            let mut state = self.state();
            what(&mut state)?;
            while state.wants_write() {
                state.write_tls(&mut sealed)?;
            }
        }
        socket.write_all(&sealed)
    }
}
