//! TLS for listeners, from files in the PEM form.

mod handshake;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_rustls::TlsAcceptor;

/// The longest file that is read.
const MAX_FILE: u64 = 1 << 20;

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsFiles {
    /// The listener's certificate, followed by those in between it and its root, in the PEM form.
    pub cert_file: PathBuf,
    /// Its private key, in the PEM form (PKCS #8, PKCS #1 or SEC 1).
    pub key_file: PathBuf,
    /// Roots of the clients' certificates, in the PEM form. Where it is given, only clients with such a certificate
    /// are served.
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
}

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read the {what} `{}`", .path.display())]
    Read {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{}` holds no {what} in the PEM form (`-----BEGIN …-----`): {reason}", .path.display())]
    Content {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Certificate and key do not go together, or are of a kind that is not supported.
    #[error("the certificate `{}` cannot be used with the key `{}`", .cert.display(), .key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        #[source]
        source: Box<rustls::Error>,
    },
    /// The roots of the clients cannot be used.
    #[error("the client authorities in `{}` cannot be used: {reason}", .path.display())]
    Roots {
        /// Their file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl TlsFiles {
    /// Reads the files; blocks for as long as that takes. `protocols` are those that clients may choose from (ALPN, RFC
    /// 7301); with none, clients are not asked.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold what it should.
    pub fn server_config(&self, protocols: &[&str]) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates("certificate", &self.cert_file)?;
        let key = private_key(&self.key_file)?;
        let pair = |source| TlsError::Pair {
            cert: self.cert_file.clone(),
            key: self.key_file.clone(),
            source: Box::new(source),
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(pair)?;
        let builder = match &self.client_ca_file {
            Some(path) => builder.with_client_cert_verifier(verifier(path, provider)?),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Ok(Arc::new(config))
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.cert_file, &self.key_file]
            .into_iter()
            .chain(&self.client_ca_file)
            .map(PathBuf::as_path)
    }

    /// When each file was written.
    fn written(&self) -> Vec<Option<SystemTime>> {
        let written = |path: &Path| path.metadata().and_then(|facts| facts.modified()).ok();
        self.paths().map(written).collect()
    }
}

fn verifier(
    path: &Path,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let refused = |reason: String| TlsError::Roots {
        path: path.to_owned(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    for root in certificates("client authority", path)? {
        roots
            .add(root)
            .map_err(|error| refused(error.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| refused(error.to_string()))
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(what, path)?;
    let content = |reason: String| TlsError::Content {
        what,
        path: path.to_owned(),
        reason,
    };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let chain = read.map_err(|error| content(error.to_string()))?;
    if chain.is_empty() {
        return Err(content("there is none".to_owned()));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read("private key", path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| TlsError::Content {
        what: "private key",
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes));
    read.map_err(|source| TlsError::Read {
        what,
        path: path.to_owned(),
        source,
    })?;
    Ok(bytes)
}

/// TLS that follows its files: a renewed certificate is used for the next connection.
#[derive(Debug)]
pub struct RenewingTls {
    files: TlsFiles,
    protocols: &'static [&'static str],
    present: Mutex<Present>,
}

#[derive(Debug)]
struct Present {
    config: Arc<ServerConfig>,
    written: Vec<Option<SystemTime>>,
}

impl RenewingTls {
    /// Reads the files; blocks for as long as that takes.
    ///
    /// # Errors
    /// As [`TlsFiles::server_config`].
    pub fn open(files: TlsFiles, protocols: &'static [&'static str]) -> Result<Self, TlsError> {
        let written = files.written();
        let config = files.server_config(protocols)?;
        let present = Mutex::new(Present { config, written });
        Ok(Self {
            files,
            protocols,
            present,
        })
    }

    /// What accepts the next connection.
    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.lock().config))
    }

    /// Reads the files again if they were written since, and tells whether they were; blocks for as long as that takes.
    ///
    /// # Errors
    /// As [`TlsFiles::server_config`]; the old certificate stays in use then, and the files are tried again.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let written = self.files.written();
        if written == self.lock().written {
            return Ok(false);
        }
        let config = self.files.server_config(self.protocols)?;
        *self.lock() = Present { config, written };
        Ok(true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
