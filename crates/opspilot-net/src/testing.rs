//! A tiny HTTP client over TCP for tests: it sends the bytes it is given, however wrong they are.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// One connection.
#[derive(Debug)]
pub struct Client(BufReader<TcpStream>);

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// By name in lower case; the values of one that comes more than once are parted by line breaks.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(
            TcpStream::connect(address)
                .await
                .expect("the server of a test listens"),
        ))
    }

    /// Sends bytes. The other side may have stopped reading; what it answered is still there.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).await.ok();
    }

    /// Reads the next reply; `None` when the connection ended. A reply to `HEAD` has no body.
    ///
    /// # Panics
    /// When the declared length is no number.
    pub async fn reply(&mut self, is_head: bool) -> Option<Reply> {
        let status = self.line().await?.split(' ').nth(1)?.parse().ok()?;
        let mut headers = BTreeMap::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let values: &mut String = headers.entry(name.to_ascii_lowercase()).or_default();
            if !values.is_empty() {
                values.push('\n');
            }
            values.push_str(value.trim());
        }
        let length = headers
            .get("content-length")
            .map_or(0, |length| length.parse().expect("a length is a number"));
        let mut body = vec![0; if is_head { 0 } else { length }];
        self.0.read_exact(&mut body).await.ok()?;
        Some(Reply {
            status,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// Everything until the connection ends.
    pub async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A reset ends a connection as well.
        self.0.read_to_end(&mut rest).await.ok();
        String::from_utf8_lossy(&rest).into_owned()
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.0.read_line(&mut line).await.unwrap_or(0);
        (count > 0).then(|| line.trim_end().to_owned())
    }
}

/// Sends one request on a connection of its own. `head` is the request line without the version, then headers.
///
/// # Panics
/// When no reply comes.
pub async fn ask(address: SocketAddr, head: &[&str], body: &[u8]) -> Reply {
    let mut client = Client::connect(address).await;
    client.send(request(head, body)).await;
    let method = head[0].split(' ').next();
    client.reply(method == Some("HEAD")).await.expect("a reply")
}

/// The bytes of a request.
#[must_use]
pub fn request(head: &[&str], body: &[u8]) -> Vec<u8> {
    let mut lines = vec![format!("{} HTTP/1.1", head[0])];
    let names_host = |line: &&str| line.to_ascii_lowercase().starts_with("host:");
    if !head.iter().any(names_host) {
        lines.push("Host: localhost".into());
    }
    lines.extend(head[1..].iter().map(|line| (*line).to_owned()));
    if !body.is_empty() {
        lines.push(format!("Content-Length: {}", body.len()));
    }
    let text = lines.join("\r\n") + "\r\n\r\n";
    [text.as_bytes(), body].concat()
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body of a test is JSON")
    }

    /// A header, or an empty text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Status and stable code of a problem of `ui.api`.
    ///
    /// # Panics
    /// When the reply is none.
    #[must_use]
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let body = self.json();
        assert_eq!(body["status"], self.status, "{self:?}");
        assert_eq!(
            body["instance"],
            format!("urn:uuid:{}", self.header("x-request-id"))
        );
        assert_eq!(
            body["type"],
            format!(
                "urn:opspilot:problem:{}",
                body["code"].as_str().unwrap_or_default()
            )
        );
        (
            self.status,
            body["code"].as_str().unwrap_or_default().to_owned(),
        )
    }
}
