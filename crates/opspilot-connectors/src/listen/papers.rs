//! Certificates for tests, made by openssl.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Certificates in a folder: an authority, `server`, `client`, and a stranger's authority.
#[derive(Debug)]
pub(crate) struct Papers(tempfile::TempDir);

impl Papers {
    /// `None` if openssl is not installed.
    pub(crate) fn new() -> Option<Self> {
        let papers = Self(tempfile::tempdir().unwrap());
        papers.authority("ca")?;
        papers.authority("stranger")?;
        papers.signed("server", "ca")?;
        papers.signed("client", "ca")?;
        papers.signed("foreign", "stranger")?;
        Some(papers)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, arguments: &str) -> Option<()> {
        let mut openssl = command()?;
        let output = openssl
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        Some(())
    }

    fn authority(&self, name: &str) -> Option<()> {
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        ))
    }

    pub(crate) fn signed(&self, name: &str, authority: &str) -> Option<()> {
        std::fs::write(
            self.path("names"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1\n",
        )
        .unwrap();
        self.openssl(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
        ))?;
        self.openssl(&format!(
            "x509 -req -days 2 -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial -extfile names -out {name}.pem"
        ))
    }

    /// The folder they are in.
    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The options of TLS that name them.
    pub(crate) fn tls(&self, with_clients: bool) -> String {
        let file = |name: &str| self.path(name).display().to_string();
        let clients = if with_clients {
            format!(", clientCaFile: {}", file("ca.pem"))
        } else {
            String::new()
        };
        let (cert, key) = (file("server.pem"), file("server.key"));
        format!("{{certFile: {cert}, keyFile: {key}{clients}}}")
    }

    /// Connects, with the certificate `name` if one is named, and `protocols` to choose from.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        name: Option<&str>,
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(self.path("ca.pem")).unwrap();
        roots.add(authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match name {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let chain = CertificateDer::from_pem_file(self.path(&format!("{name}.pem")));
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key")));
                builder
                    .with_client_auth_cert(vec![chain.unwrap()], key.unwrap())
                    .unwrap()
            }
        };
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let stream = TcpStream::connect(address).await?;
        let server = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(server, stream)
            .await
    }
}

fn command() -> Option<Command> {
    let Some(path) = ["/usr/bin/openssl", "/bin/openssl"]
        .into_iter()
        .find(|path| Path::new(path).exists())
    else {
        eprintln!("SKIPPED: openssl is not installed: install openssl");
        return None;
    };
    #[expect(clippy::disallowed_methods, reason = "the test needs the real tool")]
    Some(Command::new(path))
}
