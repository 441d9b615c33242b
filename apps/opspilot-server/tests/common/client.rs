//! Enough of HTTP for the API: one request a connection.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest page of the API.
const PAGE: usize = 500;

/// Talks to one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: String,
    base: String,
}

/// What the server answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Client {
    /// A client of the API at `url`, for example `http://127.0.0.1:3000/api`.
    pub(crate) fn new(url: &str) -> Self {
        let rest = url.strip_prefix("http://").expect("the API speaks HTTP");
        let (address, base) = rest.split_once('/').expect("the API has a base path");
        Self {
            address: address.to_owned(),
            base: format!("/{base}"),
        }
    }

    /// The host and port of the server.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Reads `path`, which is below the base path.
    pub(crate) fn get(&self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, "")
    }

    /// Posts a JSON text.
    pub(crate) fn post(&self, path: &str, body: &str) -> io::Result<Answer> {
        self.send("POST", path, body)
    }

    /// Every incident, newest first.
    pub(crate) fn incidents(&self) -> io::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let answer = self.get(&format!("/incidents?limit={PAGE}{cursor}"))?;
            if answer.status != 200 {
                return Err(io::Error::other(format!(
                    "the list of incidents is refused: {answer:?}"
                )));
            }
            let mut page = answer.json();
            let Value::Array(incidents) = page["incidents"].take() else {
                return Err(io::Error::other("a page without incidents"));
            };
            all.extend(incidents);
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// The sum of all samples of a metric that counts something.
    pub(crate) fn metric(&self, name: &str) -> io::Result<u64> {
        let page = self.get("/metrics")?.text;
        let samples = page.lines().filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with([' ', '{']))
        });
        Ok(samples
            .filter_map(|line| {
                line.rsplit(' ')
                    .next()?
                    .split('.')
                    .next()?
                    .parse::<u64>()
                    .ok()
            })
            .sum())
    }

    fn send(&self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        // Version 1.0 asks for an answer that ends with the connection.
        let head = format!(
            "{method} {}{path} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.base,
            self.address,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Answer::parse(&String::from_utf8_lossy(&answer))
            .ok_or_else(|| io::Error::other("the server did not answer with HTTP"))
    }
}

impl Answer {
    /// Takes an answer apart.
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        if length.is_some_and(|length| body.len() < length) {
            return None;
        }
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            text: body.to_owned(),
        })
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error} in the answer {self:?}"))
    }
}
