//! The other end of a webhook.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A server that answers every request with the status it was told.
#[derive(Debug)]
pub(super) struct Peer {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    status: AtomicU16,
    refused: AtomicU64,
    accepted: Mutex<Vec<String>>,
    ends: AtomicBool,
}

impl Peer {
    /// Listens on a free port and answers 200.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            status: AtomicU16::new(200),
            refused: AtomicU64::new(0),
            accepted: Mutex::default(),
            ends: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ends.load(Ordering::SeqCst) {
                    return;
                }
                // A client that goes away is none of our business.
                stream.and_then(|stream| shared.converse(stream)).ok();
            }
        });
        Self {
            address,
            state,
            thread: Some(thread),
        }
    }

    /// Where it listens.
    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers with `status` from now on.
    pub(super) fn answer(&self, status: u16) {
        self.state.status.store(status, Ordering::SeqCst);
    }

    /// The bodies that were answered with 200.
    pub(super) fn accepted(&self) -> Vec<String> {
        self.state
            .accepted
            .lock()
            .expect("nobody panics with it")
            .clone()
    }

    /// How many requests were answered with something else.
    pub(super) fn refused(&self) -> u64 {
        self.state.refused.load(Ordering::SeqCst)
    }
}

impl State {
    fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or_default();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let status = self.status.load(Ordering::SeqCst);
        if status == 200 {
            self.accepted
                .lock()
                .expect("nobody panics with it")
                .push(String::from_utf8_lossy(&body).into_owned());
        } else {
            self.refused.fetch_add(1, Ordering::SeqCst);
        }
        stream.write_all(
            format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.state.ends.store(true, Ordering::SeqCst);
        // Wakes the thread.
        TcpStream::connect(self.address).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
