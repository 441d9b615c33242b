//! `Idempotency-Key`: a change that is asked for twice with one key is made once (after
//! draft-ietf-httpapi-idempotency-key-header-07).
//!
//! The same request again gets the stored answer; another request with the same key gets 422; one that comes while the
//! first is running gets 409. Keys belong to the caller. Answers are kept in memory, the newest
//! [`KEPT`] of them, so a key is not remembered over a restart. A failure of the server is not kept: it may be asked
//! for again.
//!
//! A change with a key goes on when its client leaves, so that its answer is there when the client asks again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State as Extract};
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use ring::digest::{Context, SHA256};
use tokio::sync::oneshot;

use super::body;
use super::caller::Caller;
use super::problem::{Code, Problem};
use super::state::State;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The longest key, in bytes.
const KEY_LENGTH: usize = 255;

/// How many answers are kept.
const KEPT: usize = 1_000;

/// How many bytes the bodies of the kept answers have in all.
const KEPT_BYTES: usize = 1024 * 1024;

/// Makes a change once for each key.
pub(super) async fn once(
    Extract(state): Extract<State>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(key) = key_of(request.headers())? else {
        return Ok(next.run(request).await);
    };
    let id = (owner(&caller), key);
    let (parts, body) = request.into_parts();
    let body = body::read(body, state.limits()).await?;
    let print = fingerprint(&parts, &body);
    match state.answers.begin(&id, print) {
        Begun::Again(answer) => return Ok(answer.replay()),
        Begun::Other => return Err(Problem::of(Code::KEY_REUSED)),
        Begun::Running => return Err(Problem::of(Code::KEY_IN_USE).retry_after(1)),
        Begun::First => {}
    }
    let request = Request::from_parts(parts, Body::from(body));
    make(state, id, next, request).await
}

/// Makes the change in a task of its own and keeps its answer.
async fn make(state: State, id: Id, next: Next, request: Request) -> Result<Response, Problem> {
    let (done, answer) = oneshot::channel();
    let tasks = state.cx.tasks.clone();
    tasks.spawn("change", async move {
        // Invariant: whatever happens in between, dropping `running` ends the key's run.
        let running = Running {
            state: &state,
            id: Some(id),
        };
        let response = next.run(request);
        let Some(response) = state
            .cx
            .cancel
            .clone()
            .run_until_cancelled_owned(response)
            .await
        else {
            return;
        };
        // A client that left does not want to know; its answer is kept.
        done.send(running.finish(response).await).ok();
    });
    let stopped = || {
        Problem::of(Code::STOPPING)
            .because("the change was cut short")
            .retry_after(5)
    };
    answer.await.map_err(|_| stopped())
}

/// Whose key it is. Two callers with one name and different rights are two.
fn owner(caller: &Caller) -> String {
    let identity = caller.identity();
    let (role, kind) = (identity.role(), identity.kind());
    format!("{role:?} {kind:?} {}", identity.subject())
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(KEY).iter();
    let Some(key) = given.next() else {
        return Ok(None);
    };
    let is_alone = given.next().is_none();
    let is_right = |key: &&str| {
        (1..=KEY_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key = key.to_str().ok().filter(is_right).filter(|_| is_alone);
    let detail = "`Idempotency-Key` must be given once, with 1 to 255 visible ASCII characters";
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| Problem::of(Code::INVALID_REQUEST).detail(detail))
}

/// What makes two requests the same: method, target, precondition and body.
fn fingerprint(parts: &axum::http::request::Parts, body: &[u8]) -> Print {
    let mut context = Context::new(&SHA256);
    let condition = parts.headers.get(axum::http::header::IF_MATCH);
    let target = parts.uri.to_string();
    let heads = [
        parts.method.as_str().as_bytes(),
        target.as_bytes(),
        condition.map_or(&[], |c| c.as_bytes()),
    ];
    for head in heads {
        context.update(&(head.len() as u64).to_be_bytes());
        context.update(head);
    }
    context.update(body);
    let mut print = [0; 32];
    print.copy_from_slice(context.finish().as_ref());
    print
}

type Id = (String, String);
type Print = [u8; 32];

/// The answers that are given again.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<Table>);

/// Invariant: `order` holds the ids of exactly the finished entries, oldest first; `bytes` is the sum of their bodies.
#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Id, Entry>,
    order: VecDeque<Id>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    print: Print,
    answer: Option<Answer>,
}

#[derive(Debug, Clone)]
struct Answer {
    parts: Parts,
    body: Bytes,
}

#[derive(Debug)]
enum Begun {
    /// The key is new and belongs to this request now.
    First,
    /// The same request was answered before.
    Again(Box<Answer>),
    /// The same request is running.
    Running,
    /// The key belongs to another request.
    Other,
}

impl Answers {
    fn begin(&self, id: &Id, print: Print) -> Begun {
        let mut table = self.lock();
        match table.entries.get(id) {
            Some(entry) if entry.print != print => Begun::Other,
            Some(Entry {
                answer: Some(answer),
                ..
            }) => Begun::Again(Box::new(answer.clone())),
            Some(_) => Begun::Running,
            None => {
                table.entries.insert(
                    id.clone(),
                    Entry {
                        print,
                        answer: None,
                    },
                );
                Begun::First
            }
        }
    }

    fn keep(&self, id: Id, answer: Answer) {
        let mut table = self.lock();
        let Some(entry) = table.entries.get_mut(&id) else {
            return;
        };
        let size = answer.body.len();
        entry.answer = Some(answer);
        table.order.push_back(id);
        table.bytes += size;
        while table.order.len() > KEPT || table.bytes > KEPT_BYTES {
            let Some(oldest) = table.order.pop_front() else {
                return;
            };
            let entry = table.entries.remove(&oldest);
            table.bytes -= entry
                .and_then(|entry| entry.answer)
                .map_or(0, |gone| gone.body.len());
        }
    }

    fn forget(&self, id: &Id) {
        self.lock().entries.remove(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    fn response(self) -> Response {
        Response::from_parts(self.parts, Body::from(self.body))
    }

    fn replay(self) -> Response {
        let mut response = self.response();
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
        response
    }
}

/// A key whose request is running.
struct Running<'a> {
    state: &'a State,
    id: Option<Id>,
}

impl Running<'_> {
    async fn finish(mut self, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                return Problem::internal(opspilot_core::error::chain(&error)).into_response();
            }
        };
        let answer = Answer { parts, body };
        if !answer.parts.status.is_server_error()
            && let Some(id) = self.id.take()
        {
            self.state.answers.keep(id, answer.clone());
        }
        answer.response()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.state.answers.forget(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> Id {
        ("operator@127.0.0.1".into(), format!("key {n}"))
    }

    fn answer(size: usize) -> Answer {
        let (parts, ()) = Response::new(()).into_parts();
        Answer {
            parts,
            body: vec![0; size].into(),
        }
    }

    fn fill(answers: &Answers, count: usize, size: usize) -> Vec<usize> {
        for n in 0..count {
            assert!(matches!(answers.begin(&id(n), [0; 32]), Begun::First));
            answers.keep(id(n), answer(size));
        }
        let table = answers.lock();
        assert_eq!(table.order.len(), table.entries.len());
        assert_eq!(table.bytes, table.order.len() * size);
        (0..count)
            .filter(|n| table.entries.contains_key(&id(*n)))
            .collect()
    }

    #[test]
    fn a_key_belongs_to_one_request() {
        let answers = Answers::default();
        assert!(matches!(answers.begin(&id(0), [1; 32]), Begun::First));
        assert!(matches!(answers.begin(&id(0), [1; 32]), Begun::Running));
        assert!(matches!(answers.begin(&id(0), [2; 32]), Begun::Other));
        answers.keep(id(0), answer(3));
        assert!(matches!(answers.begin(&id(0), [1; 32]), Begun::Again(_)));
        assert!(matches!(answers.begin(&id(0), [2; 32]), Begun::Other));
    }

    #[test]
    fn the_newest_answers_are_kept_within_number_and_size() {
        assert_eq!(
            fill(&Answers::default(), KEPT + 5, 10),
            (5..KEPT + 5).collect::<Vec<_>>()
        );
        assert_eq!(fill(&Answers::default(), 5, KEPT_BYTES / 2), [3, 4]);
        assert_eq!(
            fill(&Answers::default(), 1, KEPT_BYTES + 1),
            Vec::<usize>::new()
        );
    }
}
