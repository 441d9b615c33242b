//! WebSockets over real connections, with a real client.

mod access;
mod crowd;
mod frames;
mod resuming;

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _};
use opspilot_core::bus::{Tx, Work};
use opspilot_core::clock::Timestamp;
use opspilot_core::event::IncidentCreated;
use opspilot_core::incident::Severity;
use opspilot_core::module::{Context, Module as _};
use opspilot_net::Limits;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Fixture, Setup};
use crate::api::socket::{Config, WebSocket};
use crate::api::state::ApiLimits;

/// Longer than anything here takes, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tells of an incident that nobody stores.
struct Tell(IncidentCreated);

#[async_trait]
impl Work for Tell {
    type Output = ();

    async fn run(self, tx: &mut Tx) {
        tx.emit(self.0);
    }
}

/// A running `ui.websocket` on the bus of an API, whose listener it shares.
struct Running {
    api: Fixture,
    cx: Context,
    address: SocketAddr,
}

impl Running {
    async fn new() -> Self {
        Self::with(Setup::default(), config()).await
    }

    async fn with(setup: Setup, config: Config) -> Self {
        let limits = ApiLimits {
            beat: setup.beat,
            bad_credentials: setup.bad_credentials,
            ..ApiLimits::default()
        };
        Self::limited(Fixture::with(setup).await, limits, config).await
    }

    /// On the bus of `api`.
    async fn on(api: Fixture, config: Config) -> Self {
        Self::limited(api, ApiLimits::default(), config).await
    }

    async fn limited(api: Fixture, limits: ApiLimits, config: Config) -> Self {
        let cx = api.bench.context(&WebSocket::MANIFEST);
        let mut module = WebSocket::new(config).unwrap();
        module.api_limits = limits;
        module.init(&cx).await.unwrap();
        let port = cx.health.current().details["port"].as_u64().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        let context = cx.clone();
        cx.tasks.spawn("websocket", async move {
            module.run(&context).await.unwrap();
        });
        let running = Self { api, cx, address };
        // Once it answers, the endpoint is offered.
        opspilot_net::testing::ask(address, &["GET /"], b"").await;
        running
    }

    async fn client(&self, headers: &[(&'static str, &str)]) -> Result<Client, u16> {
        Client::connect(self.address, "/", headers).await
    }

    /// A client that was welcomed and is subscribed to `events`.
    async fn subscribed(&self, events: &[&str]) -> Client {
        let mut client = self.client(&[]).await.unwrap();
        client.welcome().await;
        client.subscribe(&json!({ "events": events })).await;
        client
    }

    /// Tells of an incident.
    async fn incident(&self, id: &str) {
        self.severe(id, Severity::Warning).await;
    }

    async fn severe(&self, id: &str, severity: Severity) {
        self.api.clock.advance(Duration::from_millis(1));
        let event = IncidentCreated {
            incident_id: id.into(),
            title: format!("title of {id}"),
            description: String::new(),
            severity,
            detected_by: "detector.test".into(),
            source_event: None,
            detected_at: Timestamp::UNIX_EPOCH,
            occurrences: 1,
            last_seen_at: None,
            auto_resolve_ms: None,
            context: serde_json::Map::new(),
        };
        let bus = &self.api.bench.bus;
        bus.transact("test", Tell(event)).await.unwrap();
    }

    fn detail(&self, key: &str) -> Value {
        self.cx.health.current().details[key].clone()
    }
}

fn config() -> Config {
    Config {
        port: 0,
        ..Config::default()
    }
}

/// A client, as others write it.
struct Client {
    stream: WebSocketStream<TcpStream>,
    answer: Response,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// The status, where the server does not upgrade; 0 where it hangs up.
    async fn connect(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let url = format!("ws://{address}{path}");
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        match client_async(request, stream).await {
            Ok((stream, answer)) => Ok(Self { stream, answer }),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(_) => Err(0),
        }
    }

    async fn say(&mut self, message: impl Into<Message>) {
        self.stream.send(message.into()).await.unwrap();
    }

    async fn ask(&mut self, message: &Value) {
        self.say(message.to_string()).await;
    }

    /// Asks for a subscription; what comes before the answer is passed over. Returns the answer.
    async fn subscribe(&mut self, more: &Value) -> Value {
        let mut message = json!({ "action": "subscribe" });
        message
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.ask(&message).await;
        self.until("subscribed").await.pop().unwrap()
    }

    /// The next frame of any kind.
    async fn frame(&mut self) -> Option<Result<Message, Error>> {
        let next = tokio::time::timeout(PATIENCE, self.stream.next()).await;
        next.expect("a frame or the end")
    }

    /// The next JSON message; pings are passed over.
    async fn told(&mut self) -> Value {
        loop {
            match self.frame().await.expect("another message").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} is no message"),
            }
        }
    }

    async fn welcome(&mut self) -> Value {
        let welcome = self.told().await;
        assert_eq!(welcome["type"], "welcome");
        welcome
    }

    /// The messages up to one of a type.
    async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut found: Vec<Value> = Vec::new();
        while found.last().is_none_or(|last| last["type"] != kind) {
            found.push(self.told().await);
        }
        found
    }

    /// The next `count` events.
    async fn events(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            let told = self.told().await;
            assert_eq!(told["type"], "event", "{told}");
            events.push(told);
        }
        events
    }

    /// The code with which the server closes; `None` where it only hangs up.
    async fn closed(&mut self) -> Option<CloseCode> {
        loop {
            match self.frame().await {
                Some(Ok(Message::Close(Some(close)))) => return Some(close.code),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

/// The incidents that events tell of.
fn incidents(events: &[Value]) -> Vec<&str> {
    let ids = events
        .iter()
        .map(|event| event["data"]["incidentId"].as_str());
    ids.map(Option::unwrap).collect()
}

#[tokio::test]
async fn the_protocol_of_the_contract_is_spoken() {
    let server = Running::new().await;
    let mut client = server.client(&[]).await.unwrap();
    let welcome = client.welcome().await;
    assert_eq!(welcome["clientId"].as_str().unwrap().len(), 36);
    let expected = [
        "incident.created",
        "incident.updated",
        "enrichment.completed",
        "action.proposed",
        "action.approved",
        "action.executed",
    ];
    assert_eq!(welcome["subscribableEvents"], json!(expected));
    assert_eq!(welcome["heartbeatIntervalMs"], 30_000);

    server.incident("before").await;
    client.ask(&json!({ "action": "ping" })).await;
    assert_eq!(
        client.told().await,
        json!({ "type": "pong" }),
        "nothing is sent before it is asked for"
    );

    let events = ["incident.updated", "incident.created", "log.ingested", "x"];
    let subscribed = client.subscribe(&json!({ "events": events })).await;
    assert_eq!(
        subscribed["events"],
        json!(["incident.created", "incident.updated"]),
        "unknown names are dropped"
    );
    server.incident("one").await;
    let event = client.events(1).await.remove(0);
    assert_eq!(event["eventType"], "incident.created");
    assert_eq!(event["source"], "test");
    assert_eq!(event["correlationId"], "one");
    assert_eq!(event["data"]["title"], "title of one");
    assert_eq!(event["id"], server.api.bench.bus.journal().head());
    let timestamp = event["timestamp"].as_str().unwrap();
    assert!(
        timestamp.starts_with("2026-02-20T12:00:00.0"),
        "{timestamp}"
    );

    let more = json!({ "events": ["action.proposed"] });
    let all = json!(["incident.created", "incident.updated", "action.proposed"]);
    assert_eq!(client.subscribe(&more).await["events"], all);
    client
        .ask(&json!({ "action": "unsubscribe", "events": ["incident.created", "y"] }))
        .await;
    let left = client.told().await;
    assert_eq!(
        left["events"],
        json!(["incident.updated", "action.proposed"])
    );
    server.incident("two").await;
    client.ask(&json!({ "action": "ping" })).await;
    assert_eq!(client.told().await["type"], "pong");
    assert_eq!(server.detail("activeClients"), 1);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_answered_and_harms_nothing() {
    let server = Running::new().await;
    let mut client = server.client(&[]).await.unwrap();
    client.welcome().await;
    let wrong = [
        "",
        "{",
        "[]",
        r#"{"action":"approve"}"#,
        r#"{"action":"subscribe"}"#,
        r#"{"action":"subscribe","events":{}}"#,
        r#"{"action":"subscribe","events":[],"severity":"loud"}"#,
    ];
    for text in wrong {
        client.say(text).await;
        let told = client.told().await;
        assert_eq!(told["type"], "error", "{text}");
        assert!(told["message"].as_str().unwrap().len() > 10, "{told}");
    }
    client
        .subscribe(&json!({ "events": ["incident.created"] }))
        .await;
    server.incident("one").await;
    assert_eq!(incidents(&client.events(1).await), ["one"]);
}

#[tokio::test]
async fn filters_let_through_what_they_ask_for() {
    let server = Running::new().await;
    let rows = [
        (json!({ "severity": "critical" }), vec!["c"]),
        (json!({ "severity": ["info", "critical"] }), vec!["i", "c"]),
        (json!({ "incident": ["w"] }), vec!["w"]),
        (json!({ "module": "test" }), vec!["i", "w", "c"]),
        (
            json!({ "module": ["test"], "severity": "warning" }),
            vec!["w"],
        ),
        (json!({}), vec!["i", "w", "c"]),
    ];
    let mut clients = Vec::new();
    for (filter, expected) in rows {
        let mut client = server.client(&[]).await.unwrap();
        client.welcome().await;
        let mut more = filter;
        more["events"] = json!(["incident.created"]);
        client.subscribe(&more).await;
        clients.push((client, more, expected));
    }
    for (id, severity) in [
        ("i", Severity::Info),
        ("w", Severity::Warning),
        ("c", Severity::Critical),
    ] {
        server.severe(id, severity).await;
    }
    for (mut client, filter, expected) in clients {
        let events = client.events(expected.len()).await;
        assert_eq!(incidents(&events), expected, "{filter}");
        client.ask(&json!({ "action": "ping" })).await;
        assert_eq!(client.told().await["type"], "pong", "{filter}");
    }
}

#[tokio::test]
async fn the_listener_of_the_api_has_the_same_door() {
    let server = Running::new().await;
    let api = server.api.address;
    let mut client = Client::connect(api, "/api/ws", &[]).await.ok().unwrap();
    client.welcome().await;
    client
        .subscribe(&json!({ "events": ["incident.created"] }))
        .await;
    server.incident("one").await;
    assert_eq!(incidents(&client.events(1).await), ["one"]);
    server.api.cx.cancel.cancel();
    assert_eq!(client.closed().await, Some(CloseCode::Away));
}

#[tokio::test]
async fn without_the_module_the_api_has_no_door() {
    let api = Fixture::new().await;
    let refused = Client::connect(api.address, "/api/ws", &[]).await;
    assert_eq!(refused.err(), Some(404));
}

#[tokio::test]
async fn a_stop_says_goodbye() {
    let server = Running::with(
        Setup {
            limits: Limits {
                drain: Duration::from_secs(600),
                ..Limits::default()
            },
            ..Setup::default()
        },
        config(),
    )
    .await;
    let mut own = server.subscribed(&["incident.created"]).await;
    let mut shared = Client::connect(server.api.address, "/api/ws", &[])
        .await
        .ok()
        .unwrap();
    server.cx.cancel.cancel();
    assert_eq!(own.closed().await, Some(CloseCode::Away));
    assert_eq!(shared.closed().await, Some(CloseCode::Away));
}
