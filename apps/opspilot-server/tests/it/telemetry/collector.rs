//! A collector that keeps every request as it came.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// A request as it came.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Sent {
    /// `metrics`, `traces` or `logs`.
    pub(super) fn signal(&self) -> &str {
        let path = self.head.split(' ').nth(1).expect("a request has a path");
        path.strip_prefix("/v1/").expect("a path of OTLP")
    }
}

/// What a collector answers to a request.
pub(super) type Answers = fn(&Sent) -> Option<Vec<u8>>;

/// An answer.
pub(super) fn answer(status: &str, body: &[u8]) -> Option<Vec<u8>> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    Some([head.as_bytes(), body].concat())
}

/// Takes everything.
pub(super) fn content(_: &Sent) -> Option<Vec<u8>> {
    answer("200 OK", b"")
}

/// Listens until the process ends; a request without an answer waits for ever.
pub(super) fn listen(answers: Answers) -> (SocketAddr, Receiver<Sent>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let (sender, sent) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            // Who hangs up in the middle sends it again.
            thread::spawn(move || take(stream, answers, &sender).ok());
        }
    });
    (address, sent)
}

fn take(mut stream: TcpStream, answers: Answers, sender: &Sender<Sent>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let sent = Sent { head, body };
    let answer = answers(&sent);
    // The test may be over.
    sender.send(sent).ok();
    match answer {
        Some(answer) => stream.write_all(&answer),
        // Until the other side hangs up.
        None => stream.read_to_end(&mut Vec::new()).map(|_| ()),
    }
}
