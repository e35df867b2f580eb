//! What went wrong, in a user's words, and an errno value for it.

use rustls::pki_types::UnixTime;
use rustls::{
    AlertDescription, CertificateError, Error, InconsistentKeys, InvalidMessage, PeerIncompatible,
};
use std::fmt::Display;

/// An error with its reason.
#[derive(Debug)]
pub struct Failure {
    pub errno: i32,
    pub text: String,
}

pub type Result<T> = core::result::Result<T, Failure>;

impl Failure {
    pub fn new(errno: i32, text: impl Into<String>) -> Failure {
        Failure {
            errno,
            text: text.into(),
        }
    }

    pub fn invalid(text: impl Into<String>) -> Failure {
        Failure::new(libc::EINVAL, text)
    }

    /// With what it befell in front.
    pub fn of(self, what: impl Display) -> Failure {
        Failure {
            text: format!("{what}: {}", self.text),
            ..self
        }
    }
}

/// Why a session failed; `peer`: what the other end is to us.
pub fn of_error(e: &Error, peer: &str) -> String {
    match e {
        Error::InvalidCertificate(why) => of_certificate(why, &format!("the {peer}'s certificate")),
        Error::NoCertificatesPresented => format!("the {peer} has sent no certificate"),
        Error::AlertReceived(alert) => of_alert(*alert, peer),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::InvalidEmptyPayload
            | InvalidMessage::MessageTooLarge,
        ) => format!("the {peer} does not speak TLS"),
        Error::NoApplicationProtocol => {
            format!("the {peer} speaks another protocol: it offers none that is \"minirpc\" (ALPN)")
        }
        Error::PeerIncompatible(why) => match why {
            PeerIncompatible::NoCipherSuitesInCommon => {
                format!("no cipher suite in common with the {peer}")
            }
            PeerIncompatible::NoKxGroupsInCommon => {
                format!("no key exchange group in common with the {peer}")
            }
            PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => {
                format!("the {peer} does not accept signatures by our kind of key")
            }
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::SupportedVersionsExtensionRequired => {
                format!("the {peer} speaks neither TLS 1.2 nor 1.3")
            }
            PeerIncompatible::ExtendedMasterSecretExtensionRequired => {
                format!("the {peer}'s TLS is too old: it has no extended master secret")
            }
            other => format!("the {peer}'s TLS does not go with ours: {other:?}"),
        },
        Error::PeerMisbehaved(why) => format!("the {peer} breaks the rules of TLS: {why:?}"),
        Error::DecryptError => {
            format!("what came of the {peer} does not decrypt: it was changed on its way")
        }
        Error::InvalidCertRevocationList(why) => format!("a revocation list is not valid: {why:?}"),
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the key does not belong to the certificate".to_string()
        }
        Error::General(why) if why == "incompatible signing key" => {
            format!("the {peer} does not accept signatures by our kind of key")
        }
        other => format!("TLS with the {peer}: {other}"),
    }
}

fn of_alert(alert: AlertDescription, peer: &str) -> String {
    let why = match alert {
        AlertDescription::CertificateRequired => "it requires a certificate of us".to_string(),
        AlertDescription::UnknownCA => {
            "it does not trust the issuer of our certificate".to_string()
        }
        AlertDescription::CertificateExpired => "our certificate has expired".to_string(),
        AlertDescription::CertificateRevoked => "our certificate has been revoked".to_string(),
        AlertDescription::BadCertificate => {
            "our certificate does not suit it, or is missing".to_string()
        }
        AlertDescription::UnsupportedCertificate => {
            "our certificate is not of a kind that it takes".to_string()
        }
        AlertDescription::CertificateUnknown => "our certificate does not suit it".to_string(),
        AlertDescription::AccessDenied => "our certificate gives no access".to_string(),
        AlertDescription::HandshakeFailure => {
            "it finds no cipher suite or kind of key in common, or requires a certificate of us"
                .to_string()
        }
        AlertDescription::ProtocolVersion => "no version of TLS in common".to_string(),
        AlertDescription::InsufficientSecurity => "it wants stronger ciphers".to_string(),
        AlertDescription::NoApplicationProtocol => {
            "it speaks another protocol than \"minirpc\" (ALPN)".to_string()
        }
        AlertDescription::UnrecognisedName => "it does not know the name we ask for".to_string(),
        AlertDescription::DecodeError | AlertDescription::UnexpectedMessage => {
            format!("it does not understand us ({})", named(alert))
        }
        other => named(other),
    };
    format!("the {peer} refuses: {why}")
}

/// As RFC 8446 has it.
fn named(alert: AlertDescription) -> String {
    let code = u8::from(alert);
    match alert {
        AlertDescription::Unknown(_) => format!("alert {code}"),
        known => format!("{known:?}, alert {code}"),
    }
}

/// What is wrong with a certificate.
pub fn of_certificate(e: &CertificateError, what: &str) -> String {
    match e {
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let names = match names.len() {
                0 => "no name at all".to_string(),
                _ => names.join(", "),
            };
            format!("{what} is for {names}, and not for {}", expected.to_str())
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("{what} expired on {}", date(*not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("{what} is not valid before {}", date(*not_before))
        }
        CertificateError::UnknownIssuer => {
            format!("{what} was not signed by an authority that we trust")
        }
        CertificateError::Revoked => format!("{what} has been revoked"),
        CertificateError::BadEncoding => format!("{what} is not well formed"),
        CertificateError::BadSignature => format!("{what} has a signature that is not valid"),
        CertificateError::UnhandledCriticalExtension => {
            format!("{what} has a critical extension that we do not know")
        }
        CertificateError::InvalidPurposeContext { .. } | CertificateError::InvalidPurpose => {
            format!("{what} is not for this purpose (extended key usage)")
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            format!("{what} is signed in a way that we do not accept")
        }
        CertificateError::Other(other) if other.to_string() == "UnsupportedCertVersion" => {
            format!("{what} is not of version 3")
        }
        CertificateError::Other(other) => format!("{what} is not accepted: {other}"),
        other => format!("{what} is not accepted: {other}"),
    }
}

/// `DnsName("a.example")` and `IpAddress(127.0.0.1)`, as rustls gives names, without what is
/// around them.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"')
}

/// The day, in UTC.
pub fn date(time: UnixTime) -> String {
    // Days since 0000-03-01, by the calendar of 400 years.
    let days = time.as_secs() / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}-{month:02}-{of_month:02}", era * 400 + year + next)
}
