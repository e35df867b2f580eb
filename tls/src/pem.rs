//! Certificates, keys and revocation lists in PEM, and what is wrong where there is none.

use crate::text::{Failure, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use std::ffi::CStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{fs, io};

/// What some programs write in front of text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A file with its name, for errors.
pub struct Source<'a> {
    pub name: String,
    bytes: std::borrow::Cow<'a, [u8]>,
}

impl<'a> Source<'a> {
    pub fn file(name: &CStr) -> Result<Source<'static>> {
        let path = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
        let shown = path.display().to_string();
        let bytes = fs::read(path).map_err(|e| {
            // std's own error has no number.
            let no_memory = e.kind() == io::ErrorKind::OutOfMemory;
            let otherwise = if no_memory { libc::ENOMEM } else { libc::EIO };
            let errno = e.raw_os_error().unwrap_or(otherwise);
            let why = e.to_string();
            let why = why.split_once(" (os error").map_or(&*why, |(why, _)| why);
            Failure::new(errno, format!("{shown}: {why}"))
        })?;
        Ok(Source {
            name: shown,
            bytes: bytes.into(),
        })
    }

    pub fn memory(name: &str, bytes: &'a [u8]) -> Source<'a> {
        Source {
            name: name.to_string(),
            bytes: bytes.into(),
        }
    }

    fn text(&self) -> &[u8] {
        self.bytes.strip_prefix(MARK).unwrap_or(&self.bytes)
    }

    /// All certificates that are there, one at least.
    pub fn certificates(&self) -> Result<Vec<CertificateDer<'static>>> {
        self.all("certificate")
    }

    pub fn revocation_lists(&self) -> Result<Vec<CertificateRevocationListDer<'static>>> {
        self.all("certificate revocation list")
    }

    fn all<T: PemObject>(&self, what: &str) -> Result<Vec<T>> {
        let found: core::result::Result<Vec<T>, _> = T::pem_slice_iter(self.text()).collect();
        match found {
            Ok(found) if !found.is_empty() => Ok(found),
            Ok(_) => Err(self.lacks(what)),
            Err(e) => Err(Failure::invalid(format!(
                "{}: not valid PEM: {e}",
                self.name
            ))),
        }
    }

    pub fn key(&self) -> Result<PrivateKeyDer<'static>> {
        if self.is_encrypted() {
            let why = "the key is encrypted: decrypt it first, as with \"openssl pkey\"";
            return Err(Failure::invalid(format!("{}: {why}", self.name)));
        }
        match PrivateKeyDer::from_pem_slice(self.text()) {
            Ok(key) => Ok(key),
            Err(rustls::pki_types::pem::Error::NoItemsFound) => Err(self.lacks("private key")),
            Err(e) => Err(Failure::invalid(format!(
                "{}: not valid PEM: {e}",
                self.name
            ))),
        }
    }

    /// In PKCS #8's way, or in the older one.
    fn is_encrypted(&self) -> bool {
        let holds = |what: &[u8]| self.text().windows(what.len()).any(|at| at == what);
        holds(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds(b"Proc-Type: 4,ENCRYPTED")
    }

    fn lacks(&self, what: &str) -> Failure {
        let labels = self.labels();
        let has = match labels.as_slice() {
            [] if self.bytes.is_empty() => "it is empty".to_string(),
            [] => "it is not in PEM (-----BEGIN ...)".to_string(),
            some => format!("it has {}", some.join(", ")),
        };
        Failure::invalid(format!("{}: no {what} in it; {has}", self.name))
    }

    /// What it has, by the lines in front of each part.
    fn labels(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(self.text());
        let mut labels: Vec<String> = text
            .lines()
            .filter_map(|line| {
                line.trim()
                    .strip_prefix("-----BEGIN ")?
                    .strip_suffix("-----")
            })
            .map(|label| format!("\"{label}\""))
            .collect();
        labels.dedup();
        labels.truncate(4);
        labels
    }
}
