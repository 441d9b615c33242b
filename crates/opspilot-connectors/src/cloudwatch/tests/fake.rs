//! A small `CloudWatch` Logs of our own: it fails where it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

mod tail;

pub(super) use tail::TEXT;

/// How a group fails.
#[derive(Debug, Clone, Default)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) header: &'static str,
}

#[derive(Debug, Default)]
struct State {
    events: BTreeMap<String, Vec<Value>>,
    failures: BTreeMap<String, Failure>,
    requests: Vec<Value>,
    heads: String,
    tails: Vec<tail::Session>,
    asked_tails: Vec<Vec<String>>,
    tail_failure: Option<Failure>,
}

#[derive(Debug, Clone)]
pub(super) struct Fake {
    state: Arc<Mutex<State>>,
    pub(super) url: String,
}

impl Fake {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self {
            state: Arc::default(),
            url,
        };
        let own = fake.clone();
        #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let own = own.clone();
                tokio::spawn(async move { own.serve(stream).await });
            }
        });
        fake
    }

    /// An event becomes visible.
    pub(super) fn event(&self, group: &str, time: i64, message: &str) {
        self.event_called(group, time, (message, &format!("id-{message}")));
    }

    /// An event with this text and id becomes visible.
    pub(super) fn event_called(&self, group: &str, time: i64, (message, id): (&str, &str)) {
        let mut state = self.state.lock().unwrap();
        let events = state.events.entry(group.to_owned()).or_default();
        events.push(json!({
            "logStreamName": "web-1", "timestamp": time, "ingestionTime": time + 1000, "message": message, "eventId": id,
        }));
        events.sort_by_key(|event| event["timestamp"].as_i64());
    }

    /// A group fails from now on, or no more.
    pub(super) fn fail(&self, group: &str, failure: Option<Failure>) {
        let mut state = self.state.lock().unwrap();
        match failure {
            Some(failure) => state.failures.insert(group.to_owned(), failure),
            None => state.failures.remove(group),
        };
    }

    /// What was asked.
    pub(super) fn requests(&self) -> Vec<Value> {
        self.state.lock().unwrap().requests.clone()
    }

    /// The heads of all requests.
    pub(super) fn heads(&self) -> String {
        self.state.lock().unwrap().heads.clone()
    }

    async fn serve(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            if stream.read_exact(&mut body).await.is_err() {
                return;
            }
            let request = serde_json::from_slice(&body).unwrap();
            let head_says = |action| head.contains(&format!("Logs_20140328.{action}"));
            if head_says("StartLiveTail") {
                // The connection is not used again.
                self.tail(&mut stream, &request).await.ok();
                return;
            }
            let answer = if head_says("DescribeLogGroups") {
                self.describe(&request)
            } else {
                self.answer(&head, &request)
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, head: &str, request: &Value) -> String {
        let mut state = self.state.lock().unwrap();
        state.heads.push_str(head);
        let group = request["logGroupName"].as_str().unwrap().to_owned();
        state.requests.push(request.clone());
        if let Some(failure) = state.failures.get(&group) {
            let body = json!({"__type": failure.code, "message": "because"}).to_string();
            return http(failure.status, failure.header, &body);
        }
        let Some(events) = state.events.get(&group) else {
            let body = json!({"__type": "ResourceNotFoundException", "message": "no such group"});
            return http(400, "", &body.to_string());
        };
        let (from, to) = (request["startTime"].as_i64(), request["endTime"].as_i64());
        let wanted = events.iter().filter(|event| {
            let time = event["timestamp"].as_i64();
            time >= from && to.is_none_or(|to| time <= Some(to))
        });
        let skip = request["nextToken"].as_str();
        let skip: usize = skip.map_or(0, |token| token.parse().unwrap());
        let limit = usize::try_from(request["limit"].as_u64().unwrap()).unwrap();
        let page: Vec<_> = wanted.clone().skip(skip).take(limit).collect();
        let mut body = json!({"events": page});
        if skip + limit < wanted.count() {
            body["nextToken"] = (skip + limit).to_string().into();
        }
        http(200, "", &body.to_string())
    }
}

fn http(status: u16, header: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\n{header}content-length: {length}\r\n\r\n{body}"
    )
}
