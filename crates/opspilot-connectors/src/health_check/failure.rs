//! Why a probe failed, in words that name the cause.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use super::reach::Refused;

/// Why a probe failed. What a peer sent stands in it in one short line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    message: String,
    /// The same without anything that stood in an answer; `None` if nothing of it does.
    discreet: Option<&'static str>,
    /// The status of the HTTP answer, if there was one.
    pub(super) status: Option<u16>,
    /// How long the peer asked to be left alone.
    pub(super) retry_after: Option<Duration>,
}

/// The longest message in characters.
const LIMIT: usize = 300;

impl Failure {
    pub(super) fn new(message: impl AsRef<str>) -> Self {
        let plain = message
            .as_ref()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c });
        Self {
            message: plain.take(LIMIT).collect(),
            discreet: None,
            status: None,
            retry_after: None,
        }
    }

    /// A failure whose message tells of what stood in an answer; `discreet` does not.
    pub(super) fn heard(message: impl AsRef<str>, discreet: &'static str) -> Self {
        Self {
            discreet: Some(discreet),
            ..Self::new(message)
        }
    }

    /// The same failure, of something that an answer led to; `discreet` does not tell of that.
    pub(super) fn once_heard(self, discreet: &'static str) -> Self {
        Self {
            discreet: Some(discreet),
            ..self
        }
    }

    /// What it is without anything that stood in an answer.
    pub(super) fn discreet(&self) -> &str {
        self.discreet.unwrap_or(&self.message)
    }

    /// The failure of an answer with `status`.
    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    pub(super) fn timeout(after: Duration) -> Self {
        Self::new(format!("timed out after {} ms", after.as_millis()))
    }

    /// The failure to look a name up.
    pub(super) fn resolver(host: &str, error: &io::Error) -> Self {
        let text = error.to_string();
        let text = text
            .strip_prefix("failed to lookup address information: ")
            .unwrap_or(&text);
        let what = match text {
            "Name or service not known" | "No address associated with hostname" => "not found",
            "Temporary failure in name resolution" => "could not be looked up",
            _ => "failed",
        };
        Self::new(format!("DNS: `{host}` {what}: {text}"))
    }

    /// The failure of a connection or a handshake, by the cause that is deepest and known.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut deepest = None;
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(failure) = error.downcast_ref::<Self>() {
                return failure.clone();
            }
            if let Some(refused) = error.downcast_ref::<Refused>() {
                return Self::new(refused.to_string());
            }
            if let Some(error) = error.downcast_ref::<rustls::Error>() {
                return Self::new(tls(error));
            }
            deepest = Some(error);
            // The source of an I/O error is that of the error inside.
            let inner = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            next = match inner {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        let deepest = deepest.unwrap_or(error);
        match deepest.downcast_ref::<io::Error>() {
            Some(error) => Self::new(io_words(error)),
            None => Self::new(deepest.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset by the peer".to_owned(),
        io::ErrorKind::UnexpectedEof => "connection closed by the peer".to_owned(),
        io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        io::ErrorKind::TimedOut => "connection timed out".to_owned(),
        _ => error.to_string(),
    }
}

fn tls(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(fault) = error else {
        return match error {
            rustls::Error::AlertReceived(alert) => format!("TLS: the peer refused with {alert:?}"),
            rustls::Error::InvalidMessage(_) => "TLS: the peer does not speak TLS".to_owned(),
            _ => format!("TLS: {error}"),
        };
    };
    match fault {
        CertificateError::Expired => "certificate expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("certificate expired on {}", day(*not_after))
        }
        CertificateError::NotValidYet => "certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("certificate is not valid before {}", day(*not_before))
        }
        CertificateError::NotValidForName => "certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => format!(
            "certificate is not for `{}` but for {}",
            expected.to_str(),
            names(presented)
        ),
        CertificateError::UnknownIssuer => {
            "certificate has an unknown issuer (`caFile` names the certificates that are trusted)"
                .to_owned()
        }
        CertificateError::Revoked => "certificate is revoked".to_owned(),
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "certificate is that of an issuer, not of a server".to_owned()
        }
        other => format!("certificate is not accepted: {other}"),
    }
}

fn names(presented: &[String]) -> String {
    let shown: Vec<_> = presented
        .iter()
        .take(5)
        .map(|name| format!("`{}`", name_of(name)))
        .collect();
    match (shown.is_empty(), presented.len() > 5) {
        (true, _) => "no name".to_owned(),
        (false, false) => shown.join(", "),
        (false, true) => format!("{} and {} more", shown.join(", "), presented.len() - 5),
    }
}

/// rustls shows a name with its kind: `DnsName("example.org")`.
fn name_of(shown: &str) -> &str {
    shown.split('"').nth(1).unwrap_or(shown)
}

fn day(time: UnixTime) -> String {
    let millis = i64::try_from(time.as_secs().saturating_mul(1000)).unwrap_or(i64::MAX);
    date(Timestamp::from_millis(millis))
}

/// The date of a moment in UTC.
pub(super) fn date(moment: Timestamp) -> String {
    let text = moment.to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}
