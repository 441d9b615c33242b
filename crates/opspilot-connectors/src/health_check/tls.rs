//! Handshakes: what is trusted, what is shown, and when a certificate ends.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use opspilot_core::clock::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::config::CheckedEndpoint;
use super::failure::Failure;

/// The largest file of certificates in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// What the system trusts, read when it is needed first.
#[derive(Debug, Default)]
pub(super) struct Trust(OnceLock<Arc<Verifier>>);

impl Trust {
    /// How to shake hands with `endpoint`. Reads files: it blocks.
    ///
    /// # Errors
    /// When a file cannot be used, or the system has no certificates.
    pub(super) fn client(&self, endpoint: &CheckedEndpoint) -> Result<ClientConfig, Failure> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::of(&error))?;
        let builder = match &endpoint.ca_file {
            Some(path) => builder.with_root_certificates(roots(path)?),
            None => builder
                .dangerous()
                .with_custom_certificate_verifier(self.system(provider)?),
        };
        let Some(own) = &endpoint.client_certificate else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(&own.certificate_file)?;
        let path = &own.key_file;
        let key = PrivateKeyDer::from_pem_slice(&read(path)?)
            .map_err(|_| Failure::new(format!("no private key (PEM) in `{}`", path.display())))?;
        builder.with_client_auth_cert(chain, key).map_err(|error| {
            Failure::new(format!("the client certificate cannot be used: {error}"))
        })
    }

    fn system(
        &self,
        provider: Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Arc<Verifier>, Failure> {
        if let Some(verifier) = self.0.get() {
            return Ok(Arc::clone(verifier));
        }
        let verifier = Verifier::new(provider).map_err(|_| {
            Failure::new(
                "this system trusts no certificates: install `ca-certificates` or set `caFile`",
            )
        })?;
        Ok(Arc::clone(self.0.get_or_init(|| Arc::new(verifier))))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let named = |error: io::Error| Failure::new(format!("cannot read `{shown}`: {error}"));
    let facts = std::fs::metadata(path).map_err(named)?;
    // A pipe or a device would never end.
    if !facts.is_file() || facts.len() > FILE_LIMIT {
        return Err(Failure::new(format!(
            "`{shown}` is not a file of at most 1 MiB"
        )));
    }
    std::fs::read(path).map_err(named)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let bytes = read(path)?;
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Failure::new(format!(
            "no certificates (PEM) in `{}`",
            path.display()
        ))),
    }
}

fn roots(path: &Path) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| {
            Failure::new(format!(
                "a certificate in `{}` cannot be used: {error}",
                path.display()
            ))
        })?;
    }
    Ok(roots)
}

/// When a certificate ends; `None` if it cannot be read.
pub(super) fn end_of(certificate: &[u8]) -> Option<Timestamp> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let end = certificate
        .tbs_certificate
        .validity
        .not_after
        .to_unix_duration();
    Some(Timestamp::from_millis(i64::try_from(end.as_millis()).ok()?))
}
