//! Sessions of live tail, in the frames of `application/vnd.amazon.eventstream`.
//!
//! Source: the event stream specification of Smithy: lengths, their CRC-32, headers, payload, and the CRC-32 of it all.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use super::{Failure, Fake};

/// What sessions say of every event; nobody may ever see it.
pub(in super::super) const TEXT: &str = "only the session says this";

/// A session that is open.
#[derive(Debug)]
pub(super) struct Session {
    groups: Vec<String>,
    frames: mpsc::Sender<Vec<u8>>,
}

impl Fake {
    /// Live tail fails from now on, or no more.
    pub(in super::super) fn fail_tail(&self, failure: Option<Failure>) {
        self.state.lock().unwrap().tail_failure = failure;
    }

    /// The groups of all sessions that were asked for.
    pub(in super::super) fn sessions(&self) -> Vec<Vec<String>> {
        self.state.lock().unwrap().asked_tails.clone()
    }

    /// The sessions of `group` tell of an event that was received at `ingested`.
    pub(in super::super) fn ring(&self, group: &str, ingested: i64) {
        let update = json!({ "sessionMetadata": { "sampled": false }, "sessionResults": [{
            "logStreamName": "web-1", "logGroupIdentifier": format!("123456789012:{group}"), "message": TEXT,
            "timestamp": ingested - 1000, "ingestionTime": ingested,
        }] });
        let state = self.state.lock().unwrap();
        let meant = state.tails.iter().filter(|session| {
            let mut groups = session.groups.iter();
            groups.any(|arn| *arn == arn_of(group))
        });
        for session in meant {
            session
                .frames
                .try_send(frame("sessionUpdate", &update))
                .ok();
        }
    }

    /// All sessions end.
    pub(in super::super) fn hang_up(&self) {
        self.state.lock().unwrap().tails.clear();
    }

    /// The answer to `DescribeLogGroups`.
    pub(super) fn describe(&self, request: &Value) -> String {
        let state = self.state.lock().unwrap();
        let prefix = request["logGroupNamePrefix"].as_str().unwrap();
        let named = state.events.keys().find(|name| name.starts_with(prefix));
        let named = named.map(|name| {
            let arn = arn_of(name);
            json!({ "logGroupName": name, "arn": format!("{arn}:*"), "logGroupArn": arn })
        });
        super::http(
            200,
            "",
            &json!({ "logGroups": Vec::from_iter(named) }).to_string(),
        )
    }

    /// Answers `StartLiveTail` until the session ends.
    pub(super) async fn tail(
        &self,
        stream: &mut (impl tokio::io::AsyncWrite + Unpin),
        request: &Value,
    ) -> std::io::Result<()> {
        let groups: Vec<String> =
            serde_json::from_value(request["logGroupIdentifiers"].clone()).unwrap();
        let (frames, mut arriving) = mpsc::channel(64);
        let failure = {
            let mut state = self.state.lock().unwrap();
            state.asked_tails.push(groups.clone());
            if state.tail_failure.is_none() {
                state.tails.push(Session { groups, frames });
            }
            state.tail_failure.clone()
        };
        if let Some(Failure {
            status,
            code,
            header,
        }) = failure
        {
            let body = json!({ "__type": code, "message": "because" }).to_string();
            let answer = super::http(status, header, &body);
            return stream.write_all(answer.as_bytes()).await;
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        let mut next = Some(frame("sessionStart", &json!({ "sessionId": "one" })));
        while let Some(frame) = next {
            stream
                .write_all(format!("{:x}\r\n", frame.len()).as_bytes())
                .await?;
            stream.write_all(&frame).await?;
            stream.write_all(b"\r\n").await?;
            next = arriving.recv().await;
        }
        stream.write_all(b"0\r\n\r\n").await
    }
}

fn arn_of(group: &str) -> String {
    format!("arn:aws:logs:us-east-1:123456789012:log-group:{group}")
}

fn frame(kind: &str, payload: &Value) -> Vec<u8> {
    let payload = payload.to_string();
    let mut headers = Vec::new();
    for (name, value) in [
        (":message-type", "event"),
        (":event-type", kind),
        (":content-type", "application/json"),
    ] {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend(name.as_bytes());
        // A text.
        headers.push(7);
        headers.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let length = 12 + headers.len() + payload.len() + 4;
    let mut frame = Vec::new();
    for length in [length, headers.len()] {
        frame.extend(u32::try_from(length).unwrap().to_be_bytes());
    }
    frame.extend(checksum(&frame));
    frame.extend(headers);
    frame.extend(payload.as_bytes());
    frame.extend(checksum(&frame));
    frame
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum().to_be_bytes()
}
