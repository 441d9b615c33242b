//! An HTTP server that answers as it is told, once for each connection.

use std::sync::{Arc, Mutex};

use opspilot_core::module::Tasks;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// Answers with a status line, further header lines and a body.
    Say(&'static str),
    /// Closes the connection without an answer, which resets it.
    Reset,
    /// Never answers.
    Silence,
}

/// The server.
pub(super) struct Peer {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Peer {
    /// A server that gives `answers` in turn, and the last one from then on.
    pub(super) async fn start(tasks: &Tasks, answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook/secret", listener.local_addr().unwrap());
        let peer = Self {
            url,
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let (requests, connections) = (Arc::clone(&peer.requests), Arc::clone(&peer.connections));
        tasks.spawn("peer", async move {
            let mut silent = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let index = {
                    let mut count = connections.lock().unwrap();
                    *count += 1;
                    (*count - 1).min(answers.len() - 1)
                };
                let Some(request) = read(&mut stream).await else { continue };
                requests.lock().unwrap().push(request);
                match answers[index] {
                    Answer::Reset => drop(stream),
                    Answer::Silence => silent.push(stream),
                    Answer::Say(text) => {
                        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
                        let head = head.replace('\n', "\r\n");
                        let length = body.len();
                        let answer = format!(
                            "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                        );
                        stream.write_all(answer.as_bytes()).await.ok();
                    }
                }
            }
        });
        peer
    }

    /// The requests so far, each as head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads a whole request.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length:")?
                    .trim()
                    .parse::<usize>()
                    .ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
