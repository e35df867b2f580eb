//! `struct mrpc_tls`: who we are and whom we trust. Each setter checks what it is given.

use crate::pem::Source;
use crate::text::{of_certificate, of_error, Failure, Result};
use rustls::crypto::ring;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime,
};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub struct Tls {
    settings: Mutex<Settings>,
    /// Why the last function on it failed.
    error: Mutex<String>,
}

#[derive(Clone, Default)]
pub struct Settings {
    pub identity: Option<Arc<CertifiedKey>>,
    pub roots: Vec<CertificateDer<'static>>,
    pub crls: Vec<CertificateRevocationListDer<'static>>,
    pub check: Check,
    pub name: Option<ServerName<'static>>,
    pub resumption: bool,
}

/// `enum mrpc_tls_peer_check`
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Check {
    #[default]
    None,
    Optional,
    Required,
}

impl Tls {
    pub fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error_place(&self) -> MutexGuard<'_, String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps why it failed; a success clears that. The errno value, or 0.
    pub fn note(&self, result: Result<()>) -> i32 {
        let (code, text) = match result {
            Ok(()) => (0, String::new()),
            Err(failure) => (failure.errno, failure.text),
        };
        *self.error_place() = text;
        code
    }

    pub fn error(&self) -> String {
        self.error_place().clone()
    }

    /// `certs`: our certificate first, then those of intermediate authorities.
    pub fn set_identity(&self, certs: &Source<'_>, key: &Source<'_>) -> Result<()> {
        let chain = certs.certificates()?;
        let key = key
            .key()
            .and_then(|der| usable(der).map_err(|e| e.of(&key.name)))?;
        check_own(&chain[0]).map_err(|e| e.of(&certs.name))?;
        let identity = CertifiedKey::new(chain, key);
        identity.keys_match().map_err(|e| {
            let text = of_error(&e, "peer");
            let hint = match identity.cert.len() {
                1 => "",
                _ => " that stands first",
            };
            Failure::invalid(format!("{}: {text}{hint}", certs.name))
        })?;
        self.settings().identity = Some(Arc::new(identity));
        Ok(())
    }

    pub fn trust(&self, source: &Source<'_>) -> Result<()> {
        let certs = source.certificates()?;
        let mut store = RootCertStore::empty();
        for (n, cert) in certs.iter().enumerate() {
            store.add(cert.clone()).map_err(|e| {
                let text = of_error(&e, "authority");
                Failure::invalid(format!("{}, certificate {}: {text}", source.name, n + 1))
            })?;
        }
        self.settings().roots.extend(certs);
        Ok(())
    }

    /// The authorities that the system trusts.
    pub fn trust_system(&self) -> Result<()> {
        let certs = system_roots()?;
        self.settings().roots.extend(certs);
        Ok(())
    }

    pub fn set_crl(&self, source: &Source<'_>) -> Result<()> {
        let lists = source.revocation_lists()?;
        for list in &lists {
            webpki::BorrowedCertRevocationList::from_der(list).map_err(|e| {
                Failure::invalid(format!("{}: not a revocation list: {e}", source.name))
            })?;
        }
        self.settings().crls = lists;
        Ok(())
    }

    pub fn set_check(&self, check: i32) -> Result<()> {
        let check = match check {
            0 => Check::None,
            1 => Check::Optional,
            2 => Check::Required,
            other => return Err(Failure::invalid(format!("{other} is no check of peers"))),
        };
        self.settings().check = check;
        Ok(())
    }

    pub fn set_name(&self, name: Option<&[u8]>) -> Result<()> {
        let name = name.map(server_name).transpose()?;
        self.settings().name = name;
        Ok(())
    }
}

/// A name, or a literal address, that a certificate could be for.
pub fn server_name(name: &[u8]) -> Result<ServerName<'static>> {
    let shown = String::from_utf8_lossy(name);
    let bare = name.strip_suffix(b".").unwrap_or(name);
    ServerName::try_from(bare)
        .map(|name| name.to_owned())
        .map_err(|_| {
            Failure::invalid(format!(
                "\"{shown}\" is no name that a certificate could have"
            ))
        })
}

pub fn system_roots() -> Result<Vec<CertificateDer<'static>>> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    let good: Vec<_> = found
        .certs
        .into_iter()
        .filter(|cert| store.add(cert.clone()).is_ok())
        .collect();
    if good.is_empty() {
        let why = found
            .errors
            .first()
            .map_or(String::new(), |e| format!(": {e}"));
        let text = format!("the system trusts no authority, or none was found{why}");
        return Err(Failure::invalid(text));
    }
    Ok(good)
}

fn usable(der: PrivateKeyDer<'static>) -> Result<Arc<dyn rustls::sign::SigningKey>> {
    ring::sign::any_supported_type(&der).map_err(|_| {
        Failure::invalid(
            "the key is not valid, or of no kind that is supported: RSA with 2048 to 4096 bits \
             (not RSA-PSS), ECDSA with P-256 or P-384, Ed25519",
        )
    })
}

/// Nobody takes one that has expired, or that is none.
fn check_own(cert: &CertificateDer<'_>) -> Result<()> {
    let what = "our certificate";
    let bad = |why: &CertificateError| Failure::invalid(of_certificate(why, what));
    let parsed = match webpki::EndEntityCert::try_from(cert) {
        Ok(parsed) => parsed,
        Err(webpki::Error::UnsupportedCertVersion) => {
            let why = "our certificate is of version 1, which nobody takes: make one of version 3";
            return Err(Failure::invalid(why));
        }
        Err(_) => return Err(bad(&CertificateError::BadEncoding)),
    };
    // Without any authority it fails, but not before it has been looked at.
    let looked = parsed.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[],
        &[],
        UnixTime::now(),
        webpki::KeyUsage::server_auth(),
        None,
        None,
    );
    match looked {
        Err(webpki::Error::CertExpired { time, not_after }) => {
            Err(bad(&CertificateError::ExpiredContext { time, not_after }))
        }
        _ => Ok(()),
    }
}
