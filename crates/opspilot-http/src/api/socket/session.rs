//! The conversation with one client.

use std::sync::Arc;
use std::time::Duration;

use opspilot_net::Upgraded;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::super::stream::{Follower, Step, Visitor};
use super::ask::Ask;
use super::endpoint::Endpoint;
use super::interest::{Filter, Interests};
use super::pipe::{Ending, Pipe};
use super::wire::Told;

/// How many events are written at once.
const BATCH: usize = 64;

/// How many messages, pings included, a client may send in a span.
const MESSAGES: u32 = 60;
const SPAN: Duration = Duration::from_secs(10);

/// The conversation with one client.
#[derive(Debug)]
pub(super) struct Session {
    endpoint: Arc<Endpoint>,
    visitor: Visitor,
    pipe: Pipe,
    follower: Follower,
    interests: Interests,
    heartbeat: Interval,
    /// True if the client said anything since the last heartbeat.
    is_heard: bool,
    checked: Checked,
    asked: Asked,
}

/// When the credential was found good.
#[derive(Debug)]
struct Checked {
    at: Instant,
    /// How many changes of credentials there had been.
    changes: u64,
}

/// How much the client said in the present span.
#[derive(Debug)]
struct Asked {
    since: Instant,
    count: u32,
}

/// What comes next.
#[derive(Debug)]
enum Next {
    Message(Result<Message, Ending>),
    Beat,
    Step(Option<Step>),
}

impl Session {
    /// A conversation that begins.
    pub(super) async fn new(endpoint: Arc<Endpoint>, visitor: Visitor, stream: Upgraded) -> Self {
        let now = Instant::now();
        let every = endpoint.options.heartbeat;
        let mut heartbeat = interval_at(now + every, every);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let checked = Checked {
            at: now,
            changes: endpoint.credential_changes(),
        };
        Self {
            follower: endpoint.follower(),
            pipe: Pipe::new(stream).await,
            interests: Interests::default(),
            heartbeat,
            is_heard: true,
            checked,
            asked: Asked {
                since: now,
                count: 0,
            },
            endpoint,
            visitor,
        }
    }

    /// Converses until the end.
    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) {
        let present = self.endpoint.counts.enter();
        let ending = tokio::select! {
            biased;
            () = stop => Ending::Stopping,
            ending = self.converse() => ending,
        };
        present.leave(ending);
        self.pipe.close(ending).await;
    }

    async fn converse(&mut self) -> Ending {
        let welcome = Told::Welcome {
            client_id: Uuid::now_v7().to_string(),
            subscribable_events: &self.endpoint.options.events,
            id: self.follower.place(),
            heartbeat_interval_ms: self.endpoint.options.heartbeat.as_millis(),
        };
        self.pipe.push(welcome.frame());
        let mut done = self.pipe.write().await;
        while done.is_ok() {
            let next = tokio::select! {
                biased;
                message = self.pipe.next() => Next::Message(message),
                _ = self.heartbeat.tick() => Next::Beat,
                step = self.follower.next() => Next::Step(step),
            };
            done = match next {
                Next::Message(Ok(message)) => self.hear(message).await,
                Next::Message(Err(ending)) => Err(ending),
                Next::Beat => self.beat().await,
                Next::Step(Some(step)) => self.pass(step).await,
                Next::Step(None) => Err(Ending::Stopping),
            };
        }
        done.err().unwrap_or(Ending::Stopping)
    }

    async fn hear(&mut self, message: Message) -> Result<(), Ending> {
        self.is_heard = true;
        self.asked.count()?;
        self.endpoint.counts.heard();
        match message {
            Message::Text(text) => self.answer(&text).await,
            Message::Binary(_) => Err(Ending::Binary),
            // The codec answers these.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(()),
        }
    }

    async fn answer(&mut self, text: &str) -> Result<(), Ending> {
        match Ask::parse(text) {
            Ok(Ask::Ping) => self.pipe.push(Told::Pong.frame()),
            Ok(Ask::Subscribe {
                events,
                filter,
                after,
            }) => self.subscribe(&events, &filter, after),
            Ok(Ask::Unsubscribe { events }) => {
                self.interests.remove(&events);
                self.tell_subscribed();
            }
            Err(message) => self.pipe.push(Told::Error { message }.frame()),
        }
        self.pipe.write().await
    }

    fn subscribe(&mut self, events: &[String], filter: &Filter, after: Option<u64>) {
        let known = self.endpoint.options.events.iter().copied();
        let kinds = known.filter(|kind| events.iter().any(|name| name == kind));
        self.interests.add(kinds, filter);
        let Some(after) = after else {
            return self.tell_subscribed();
        };
        let missed = self.follower.resume(after);
        self.tell_subscribed();
        if let Some(count) = missed {
            self.endpoint.counts.missed(count);
            let id = self.follower.place();
            self.pipe.push(Told::Missed { count, after, id }.frame());
        }
    }

    fn tell_subscribed(&mut self) {
        let subscribed = Told::Subscribed {
            events: self.interests.kinds(),
            id: self.follower.place(),
        };
        self.pipe.push(subscribed.frame());
    }

    async fn beat(&mut self) -> Result<(), Ending> {
        if !self.is_heard {
            return Err(Ending::Silent);
        }
        self.is_heard = false;
        self.endpoint.counts.show();
        self.check().await?;
        self.pipe.ping().await
    }

    /// Sends `first` and the steps that are there already.
    async fn pass(&mut self, first: Step) -> Result<(), Ending> {
        self.add(&first);
        while self.pipe.waiting() < BATCH
            && let Some(step) = self.follower.try_next()
        {
            self.add(&step);
        }
        let count = self.pipe.waiting();
        if count == 0 {
            return Ok(());
        }
        let is_fresh = self.checked.at.elapsed() < self.endpoint.recheck()
            && self.checked.changes == self.endpoint.credential_changes();
        if !is_fresh {
            self.check().await?;
        }
        self.pipe.write().await?;
        self.endpoint.counts.sent(count);
        Ok(())
    }

    fn add(&mut self, step: &Step) {
        if self.interests.is_empty() {
            return;
        }
        if step.missed > 0 {
            let here = self.follower.place();
            let id = step.frame.as_ref().map_or(here, |frame| frame.seq() - 1);
            let missed = Told::Missed {
                count: step.missed,
                after: id - step.missed,
                id,
            };
            self.endpoint.counts.missed(step.missed);
            self.pipe.push(missed.frame());
        }
        let wanted = step
            .frame
            .as_ref()
            .filter(|frame| self.interests.want(frame));
        if let Some(bytes) = wanted.and_then(|frame| frame.socket()) {
            self.pipe.push(bytes);
        }
    }

    /// Looks whether the client would still be let in.
    async fn check(&mut self) -> Result<(), Ending> {
        // Looked at first: what changes during the check is checked again.
        let changes = self.endpoint.credential_changes();
        if !self.visitor.is_welcome().await {
            return Err(Ending::Unwelcome);
        }
        let at = Instant::now();
        self.checked = Checked { at, changes };
        Ok(())
    }
}

impl Asked {
    fn count(&mut self) -> Result<(), Ending> {
        if self.since.elapsed() >= SPAN {
            *self = Self {
                since: Instant::now(),
                count: 0,
            };
        }
        self.count += 1;
        match self.count > MESSAGES {
            true => Err(Ending::Talkative),
            false => Ok(()),
        }
    }
}
