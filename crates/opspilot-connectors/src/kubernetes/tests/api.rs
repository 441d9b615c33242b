//! A small API server that follows the rules of the real one for what is used here: lists in pages with a token, watches
//! with bookmarks, versions that ascend, a memory that can be compacted; 410 in both forms; and connections that are cut.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The server; cloning it clones a handle.
#[derive(Clone)]
pub(super) struct Api {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
    port: u16,
}

/// Something that happens once.
type Happening = Box<dyn FnOnce(&Api) + Send>;

/// What the server knows.
#[derive(Default)]
pub(super) struct State {
    pub(super) version: u64,
    objects: BTreeMap<(&'static str, String), Value>,
    log: Vec<(u64, &'static str, &'static str, String)>,
    oldest: u64,
    pages: BTreeMap<u64, (u64, Vec<String>)>,
    pub(super) forbidden: Option<&'static str>,
    /// Seeds the moments at which connections are cut; 0 cuts none.
    pub(super) cuts: u64,
    requests: u64,
    /// The runs of the container of each logged pod: its id, its lines, and whether it ended.
    runs: BTreeMap<String, Vec<(String, Vec<String>, bool)>>,
    /// The runs whose logs the node has no more.
    pub(super) lost_logs: Vec<&'static str>,
    /// What happens just before the next log is handed out.
    pub(super) before_log: Option<Happening>,
}

impl State {
    fn random(&mut self) -> u64 {
        // A linear congruential generator (Knuth's MMIX constants).
        self.cuts = self
            .cuts
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.cuts >> 33
    }

    fn put(&mut self, resource: &'static str, name: &str, mut object: Value) {
        self.version += 1;
        let key = (resource, name.to_owned());
        let kind = if self.objects.contains_key(&key) {
            "MODIFIED"
        } else {
            "ADDED"
        };
        let uid = format!("uid-{resource}-{name}");
        object["metadata"] = json!({ "name": name, "namespace": "shop", "uid": uid, "resourceVersion": self.version.to_string(), "generation": 1 });
        self.log
            .push((self.version, resource, kind, object.to_string()));
        self.objects.insert(key, object);
    }
}

impl Api {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            version: 10,
            ..State::default()
        };
        let api = Self {
            state: Arc::new(Mutex::new(state)),
            changed: watch::Sender::new(0),
            port,
        };
        let own = api.clone();
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let api = own.clone();
                spawn(async move { api.serve(stream).await.unwrap_or_default() });
            }
        });
        api
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn yaml(&self, more: &str) -> String {
        format!(
            "{{apiUrl: '{}', token: t0ken, pollIntervalMs: 1000{more}}}",
            self.url()
        )
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn event(&self, name: &str, count: u64) {
        let object = json!({
            "involvedObject": { "kind": "Pod", "namespace": "shop", "name": "web" }, "reason": "BackOff", "type": "Warning",
            "message": format!("{name} {count}"), "count": count, "source": { "component": "kubelet" },
        });
        self.change(|state| state.put("events", name, object));
    }

    pub(super) fn pod(&self, name: &str, reason: &str, restarts: u64) {
        let state = match reason {
            "" => json!({ "running": { "startedAt": "2026-01-01T00:00:00Z" } }),
            reason => json!({ "waiting": { "reason": reason, "message": "back-off 5m0s" } }),
        };
        let object = json!({ "status": { "phase": "Running", "containerStatuses": [{ "name": "main", "restartCount": restarts, "state": state }] } });
        self.change(|state| state.put("pods", name, object));
    }

    /// A container starts, and the one before it ends.
    pub(super) fn start_logged(&self, pod: &str, id: &str) {
        self.change(|state| {
            let runs = state.runs.entry(pod.to_owned()).or_default();
            runs.iter_mut().for_each(|run| run.2 = true);
            let last = runs.last().map(|run| json!({ "terminated": { "reason": "Error", "containerID": format!("containerd://{}", run.0) } }));
            runs.push((id.to_owned(), Vec::new(), false));
            let status = json!({ "name": "main", "restartCount": runs.len() - 1, "containerID": format!("containerd://{id}"), "state": { "running": {} }, "lastState": last });
            state.put("pods", pod, json!({ "status": { "containerStatuses": [status] } }));
        });
    }

    /// The container of a pod says something.
    pub(super) fn log(&self, pod: &str, line: &str) {
        self.change(|state| {
            let runs = state.runs.get_mut(pod).unwrap();
            runs.last_mut().unwrap().1.push(line.to_owned());
        });
    }

    async fn serve_log(
        &self,
        out: &mut Out<'_>,
        pod: &str,
        query: &BTreeMap<&str, &str>,
    ) -> std::io::Result<()> {
        let mut changed = self.changed.subscribe();
        let since = query
            .get("sinceTime")
            .map_or(String::new(), |text| text.replace("%3A", ":"));
        let before = self.state.lock().unwrap().before_log.take();
        if let Some(before) = before {
            before(self);
        }
        let back = 1 + usize::from(query.contains_key("previous"));
        let found = {
            let state = self.state.lock().unwrap();
            let runs = &state.runs[pod];
            let index = runs.len().checked_sub(back);
            index.filter(|index| !state.lost_logs.contains(&runs[*index].0.as_str()))
        };
        let Some(index) = found else {
            let body = "{\"message\":\"previous terminated container not found\",\"reason\":\"BadRequest\",\"code\":400}";
            return out.refuse(400, "Bad Request", body).await;
        };
        out.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n",
        )
        .await?;
        let mut sent = 0;
        loop {
            let (lines, is_over) = {
                let state = self.state.lock().unwrap();
                let (_, lines, is_over) = &state.runs[pod][index];
                let new: Vec<String> = lines[sent..].to_vec();
                (new, *is_over)
            };
            sent += lines.len();
            // The real one takes whole seconds too.
            let text: String = lines
                .iter()
                .filter(|line| line.get(..19) >= since.get(..19))
                .map(|line| format!("{line}\n"))
                .collect();
            if !text.is_empty() {
                out.chunk(&text).await?;
            }
            if is_over || !query.contains_key("follow") {
                return out.write(b"0\r\n\r\n").await;
            }
            changed.changed().await.ok();
        }
    }

    pub(super) fn large_pod(&self, name: &str, is_sick: bool) {
        let state = match is_sick {
            true => json!({ "waiting": { "reason": "CrashLoopBackOff" } }),
            false => json!({ "running": {} }),
        };
        let filler = "x".repeat(8000);
        let object = json!({ "spec": { "filler": filler }, "status": { "containerStatuses": [{ "name": "main", "restartCount": 1, "state": state }] } });
        self.change(|state| state.put("pods", name, object));
    }

    pub(super) fn node(&self, name: &str, ready: &str, since: &str) {
        let condition = json!({ "type": "Ready", "status": ready, "lastTransitionTime": since, "message": format!("kubelet says {ready}") });
        self.change(|state| {
            state.put(
                "nodes",
                name,
                json!({ "status": { "conditions": [condition] } }),
            );
        });
    }

    pub(super) fn deployment(&self, name: &str, missing: u64, is_late: bool) {
        let message = format!("ReplicaSet \"{name}-1\" has timed out progressing.");
        let condition = json!({ "type": "Progressing", "status": if is_late { "False" } else { "True" }, "reason": "ProgressDeadlineExceeded", "message": message });
        let object = json!({ "spec": { "replicas": 3 }, "status": { "unavailableReplicas": missing, "conditions": [condition] } });
        self.change(|state| state.put("deployments", name, object));
    }

    pub(super) fn delete(&self, resource: &'static str, name: &str) {
        self.change(|state| {
            if let Some(mut object) = state.objects.remove(&(resource, name.to_owned())) {
                state.version += 1;
                object["metadata"]["resourceVersion"] = state.version.to_string().into();
                state
                    .log
                    .push((state.version, resource, "DELETED", object.to_string()));
            }
        });
    }

    /// Forgets what happened: whoever watches from before has to list again.
    pub(super) fn compact(&self) {
        self.change(|state| {
            state.oldest = state.version;
            state.log.clear();
            state.pages.clear();
        });
    }

    /// Everything begins anew at `version`, as after a restored backup.
    pub(super) fn restore(&self, version: u64) {
        self.change(|state| {
            *state = State {
                version,
                ..State::default()
            }
        });
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        loop {
            head.clear();
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut head).await? == 0 {
                    return Ok(());
                }
            }
            let text = String::from_utf8(head.clone()).unwrap();
            let target = text.split(' ').nth(1).unwrap().to_owned();
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            let query: BTreeMap<&str, &str> = query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .collect();
            if let Some(pod) = path
                .strip_suffix("/log")
                .and_then(|path| path.rsplit('/').next())
            {
                let budget = self.budget();
                return self
                    .serve_log(
                        &mut Out {
                            stream: &mut stream,
                            budget,
                        },
                        pod,
                        &query,
                    )
                    .await;
            }
            let names = ["events", "pods", "nodes", "deployments"];
            let resource = names.into_iter().find(|name| path.ends_with(name)).unwrap();
            let is_known = text
                .lines()
                .any(|line| line.eq_ignore_ascii_case("authorization: Bearer t0ken"));
            let budget = self.budget();
            let mut out = Out {
                stream: &mut stream,
                budget,
            };
            if !is_known {
                out.refuse(
                    401,
                    "Unauthorized",
                    include_str!("../recorded/unauthorized.json"),
                )
                .await?;
            } else if self.state.lock().unwrap().forbidden == Some(resource) {
                let message = format!(
                    "{resource} is forbidden: User \"nobody\" cannot list resource \"{resource}\""
                );
                let status = json!({ "kind": "Status", "message": message, "reason": "Forbidden", "code": 403 });
                out.refuse(403, "Forbidden", &status.to_string()).await?;
            } else if query.contains_key("watch") {
                let from = query["resourceVersion"].parse().unwrap();
                let is_chosen = query.contains_key("labelSelector");
                return self.watch(&mut out, (resource, is_chosen), from).await;
            } else {
                let limit = query["limit"].parse().unwrap();
                let rest = query.get("continue").map(|text| text.parse().unwrap());
                let is_chosen = query.contains_key("labelSelector");
                let named = query.get("fieldSelector");
                let named = named.and_then(|text| text.strip_prefix("metadata.name%3D"));
                let is_meant = |name: &str| match named {
                    Some(named) => name == named,
                    None => !is_chosen || name.starts_with("log"),
                };
                let page = self.page(resource, limit, rest, is_meant);
                match page {
                    Some(page) => out.answer(200, "OK", &page).await?,
                    None => {
                        out.refuse(410, "Gone", include_str!("../recorded/gone-list.json"))
                            .await?;
                    }
                }
            }
        }
    }

    fn budget(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap();
        state.requests += 1;
        (state.cuts != 0).then(|| state.random() % 3000)
    }

    /// A page. The token is the version of the list and how many were sent.
    fn page(
        &self,
        resource: &str,
        limit: usize,
        rest: Option<u64>,
        is_meant: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let mut state = self.state.lock().unwrap();
        let id = rest.unwrap_or_else(|| {
            let items = state
                .objects
                .iter()
                .filter(|((kind, name), _)| *kind == resource && is_meant(name));
            let items = items.map(|(_, object)| object.to_string()).collect();
            let (id, version) = (state.requests, state.version);
            state.pages.insert(id, (version, items));
            id
        });
        let (version, items) = state.pages.remove(&id)?;
        let (now, later) = items.split_at(limit.min(items.len()));
        let mut token = String::new();
        if !later.is_empty() {
            token = format!(",\"continue\":\"{id}\"");
            state.pages.insert(id, (version, later.to_vec()));
        }
        Some(format!(
            "{{\"metadata\":{{\"resourceVersion\":\"{version}\"{token}}},\"items\":[{}]}}",
            now.join(",")
        ))
    }

    async fn watch(
        &self,
        out: &mut Out<'_>,
        (resource, is_chosen): (&str, bool),
        mut from: u64,
    ) -> std::io::Result<()> {
        let mut changed = self.changed.subscribe();
        let (oldest, is_status) = {
            let state = self.state.lock().unwrap();
            (state.oldest, state.requests.is_multiple_of(2))
        };
        if from < oldest && is_status {
            return out
                .refuse(410, "Gone", include_str!("../recorded/gone-list.json"))
                .await;
        }
        out.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n").await?;
        if from < oldest {
            out.chunk(include_str!("../recorded/gone-watch.json"))
                .await?;
            return out.write(b"0\r\n\r\n").await;
        }
        loop {
            let (lines, version) = {
                let state = self.state.lock().unwrap();
                let new = state.log.iter().filter(|(version, kind, _, object)| {
                    let is_meant = !is_chosen || object.contains("\"name\":\"log");
                    *version > from && *kind == resource && is_meant
                });
                let lines: String = new
                    .map(|(_, _, kind, object)| {
                        format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
                    })
                    .collect();
                (lines, state.version)
            };
            from = version;
            if !lines.is_empty() {
                out.chunk(&lines).await?;
            }
            let quiet =
                tokio::time::timeout(std::time::Duration::from_millis(100), changed.changed())
                    .await;
            if quiet.is_err() {
                let bookmark = json!({ "type": "BOOKMARK", "object": { "metadata": { "resourceVersion": version.to_string() } } });
                out.chunk(&format!("{bookmark}\n")).await?;
                // It ends without a word now and then.
                if out.budget.is_some_and(|left| left < 500) {
                    return out.write(b"0\r\n\r\n").await;
                }
            }
        }
    }
}

/// A connection that may be cut in the middle of anything.
struct Out<'a> {
    stream: &'a mut TcpStream,
    budget: Option<u64>,
}

impl Out<'_> {
    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let Some(left) = self.budget else {
            return self.stream.write_all(bytes).await;
        };
        let count = (bytes.len() as u64).min(left);
        self.budget = Some(left - count);
        self.stream
            .write_all(&bytes[..usize::try_from(count).unwrap()])
            .await?;
        if count < bytes.len() as u64 {
            self.stream.shutdown().await?;
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    async fn chunk(&mut self, text: &str) -> std::io::Result<()> {
        self.write(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
            .await
    }

    async fn answer(&mut self, code: u16, reason: &str, body: &str) -> std::io::Result<()> {
        let head = format!(
            "HTTP/1.1 {code} {reason}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.write(head.as_bytes()).await
    }

    async fn refuse(&mut self, code: u16, reason: &str, body: &str) -> std::io::Result<()> {
        self.answer(code, reason, body).await
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server ends with the test's runtime"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}
