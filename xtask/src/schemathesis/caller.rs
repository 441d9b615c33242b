//! Asks the server: one request, one connection.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::process::pause;

/// How long one answer may take, and what is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who asks.
pub(super) struct Caller {
    pub(super) port: u16,
    pub(super) key: &'static str,
}

impl Caller {
    /// What the server answers.
    ///
    /// # Errors
    /// When it does not, or refuses.
    pub(super) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let said = self.exchange(method, path, body);
        said.with_context(|| format!("{method} {path}"))
    }

    /// Changes something.
    ///
    /// # Errors
    /// When the server does not.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask("POST", path, Some(body))
    }

    /// The `field` of each entry of a list, once there are `count` of them.
    ///
    /// # Errors
    /// When there are not in time.
    pub(super) fn wait_for(
        &self,
        path: &str,
        (list, field): (&str, &str),
        count: usize,
    ) -> Result<Vec<Value>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.ask("GET", path, None)?;
            let entries = found[list].as_array().cloned().unwrap_or_default();
            if entries.len() >= count {
                return Ok(entries.iter().map(|one| one[field].clone()).collect());
            }
            if Instant::now() > deadline {
                bail!("{path} has {} of {count} entries", entries.len());
            }
            pause(Duration::from_millis(100));
        }
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (key, length) = (self.key, body.len());
        write!(
            stream,
            "{method} /api{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-API-Key: {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
        if !head.starts_with("HTTP/1.1 2") {
            bail!("the server says {answer}");
        }
        Ok(serde_json::from_str(body)?)
    }
}
