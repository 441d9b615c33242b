//! Live tail as a doorbell: holds sessions open, and rings for the groups that have something new.
//!
//! What is sent comes from polls alone (`docs/decisions/0002-live-tail-rings.md`). So nothing is lost when there is no
//! session: what it would have told comes with the next poll.

use std::collections::BTreeMap;
use std::time::Duration;

use opspilot_core::metrics::Counter;
use opspilot_core::module::Context;
use opspilot_core::resilience::{Backoff, BackoffPolicy};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::board::{Board, Session};
use super::cloud::{Cloud, Heard, Tail, name};
use super::config::Config;
use super::meters;
use super::trouble::{Kind, Trouble};

/// The most groups of one session. Source: the API reference of `CloudWatch` Logs, `StartLiveTail`.
const TOGETHER: usize = 10;

/// The first pause after a session could not be opened, or ended.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause, before jitter.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How long is waited before what a person has to change is tried again.
const REFUSED_PAUSE: Duration = Duration::from_mins(5);

/// A session that lasted so long was a good one: the next may come soon.
const STEADY: Duration = Duration::from_mins(1);

/// A session says something every second, if only that there is nothing. One that is silent for so long is dead.
const SILENCE: Duration = Duration::from_secs(30);

/// The groups of each session, numbered; none if live tail is off.
pub(super) fn sessions(config: &Config) -> impl Iterator<Item = (usize, &[String])> {
    let chunks = config.log_groups.chunks(TOGETHER).enumerate();
    chunks.filter(|_| config.live_tail)
}

/// The bells of the groups, each with how new is what there is, in milliseconds since 1970.
#[derive(Debug)]
pub(super) struct Bells(BTreeMap<String, watch::Sender<i64>>);

impl Bells {
    /// Bells for the groups; none if live tail is off.
    pub(super) fn new(config: &Config) -> Self {
        let groups = config.log_groups.iter().filter(|_| config.live_tail);
        Self(
            groups
                .map(|group| (group.clone(), watch::Sender::new(0)))
                .collect(),
        )
    }

    /// Hears when it rings for `group`.
    pub(super) fn of(&self, group: &str) -> Option<watch::Receiver<i64>> {
        Some(self.0.get(group)?.subscribe())
    }

    fn ring(&self, group: &str, newest: i64) {
        if let Some(bell) = self.0.get(group) {
            bell.send_replace(newest);
        }
    }
}

/// Holds a session for up to [`TOGETHER`] groups.
pub(super) struct Doorbell<'a> {
    cx: &'a Context,
    cloud: &'a Cloud,
    board: &'a Board<'a>,
    bells: &'a Bells,
    /// Which of the sessions it is, and its groups.
    groups: (usize, &'a [String]),
    /// How long a session may take to begin.
    limit: Duration,
    arns: BTreeMap<&'a str, String>,
    backoff: Backoff,
    sessions: Counter,
}

impl<'a> Doorbell<'a> {
    pub(super) fn new(
        cx: &'a Context,
        (config, cloud): (&Config, &'a Cloud),
        (board, bells): (&'a Board<'a>, &'a Bells),
        groups: (usize, &'a [String]),
    ) -> Self {
        Self {
            cx,
            cloud,
            board,
            bells,
            groups,
            limit: config.timeout(),
            arns: BTreeMap::new(),
            backoff: BackoffPolicy::endless(FIRST_PAUSE, LONGEST_PAUSE).start(),
            sessions: cx.metrics.counter(&meters::SESSIONS, &[]),
        }
    }

    /// Holds a session open until the module is cancelled.
    pub(super) async fn run(mut self) {
        let mut is_first = true;
        loop {
            let opened = tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return,
                opened = open(self.cloud, self.groups.1, &mut self.arns, self.limit) => opened,
            };
            let delay = match opened {
                Ok(tail) => {
                    self.board.live(self.groups.0, Session::Open);
                    self.sessions.inc();
                    if !std::mem::take(&mut is_first) {
                        self.ring_all(0);
                    }
                    let Some(delay) = self.hold(tail).await else {
                        return;
                    };
                    self.board.live(self.groups.0, Session::Over);
                    delay
                }
                Err(trouble) => self.suffer(&trouble),
            };
            tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return,
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    /// Rings until the session ends, and says how long to wait then; `None` if the module is cancelled.
    async fn hold(&mut self, mut tail: Tail) -> Option<Duration> {
        let began = Instant::now();
        let reason = loop {
            let heard = tokio::select! {
                biased;
                () = self.cx.cancel.cancelled() => return None,
                heard = timeout(SILENCE, tail.next()) => heard,
            };
            match heard {
                Ok(Ok(Heard::Nothing)) => {}
                Ok(Ok(Heard::Events(newest))) => self.tell(&newest),
                Ok(Err(reason)) => break reason,
                Err(_) => break "it is silent".to_owned(),
            }
        };
        tracing::debug!(
            module = self.cx.id,
            reason,
            "a session of live tail is over"
        );
        if began.elapsed() >= STEADY {
            self.backoff.reset();
        }
        Some(self.backoff.next_delay().unwrap_or(LONGEST_PAUSE))
    }

    /// Rings for the groups that have something new.
    fn tell(&self, newest: &BTreeMap<String, i64>) {
        for (named, newest) in newest {
            let mut meant = self.groups.1.iter().filter(|group| name(group) == named);
            let Some(first) = meant.next() else {
                // A name that nobody knows: better a poll too many.
                self.ring_all(*newest);
                continue;
            };
            for group in std::iter::once(first).chain(meant) {
                self.bells.ring(group, *newest);
            }
        }
    }

    fn ring_all(&self, newest: i64) {
        for group in self.groups.1 {
            self.bells.ring(group, newest);
        }
    }

    /// Says why there is no session, and how long to wait.
    fn suffer(&mut self, trouble: &Trouble) -> Duration {
        let delay = self.backoff.next_delay().unwrap_or(LONGEST_PAUSE);
        let delay = delay.max(trouble.pause.unwrap_or_default());
        let message = format!("{}; polls go on as usual", trouble.message);
        self.board.live(self.groups.0, Session::Failing(message));
        match trouble.kind {
            Kind::Refused | Kind::Missing | Kind::Stale => {
                // A group may have been made anew.
                self.arns.clear();
                delay.max(REFUSED_PAUSE)
            }
            Kind::Throttled | Kind::Disturbed => delay,
        }
    }
}

/// Opens a session for `groups`, and waits until it begins. Groups that are missing are left out, unless all are.
pub(super) async fn open<'a>(
    cloud: &Cloud,
    groups: &'a [String],
    arns: &mut BTreeMap<&'a str, String>,
    limit: Duration,
) -> Result<Tail, Trouble> {
    let mut missing = None;
    for group in groups {
        if arns.contains_key(group.as_str()) {
            continue;
        }
        match cloud.arn(group).await {
            Ok(arn) => drop(arns.insert(group, arn)),
            Err(trouble) if trouble.kind == Kind::Missing => missing = Some(trouble),
            Err(trouble) => return Err(trouble),
        }
    }
    if let Some(trouble) = missing.filter(|_| arns.is_empty()) {
        return Err(trouble);
    }
    let mut tail = cloud.tail(arns.values().cloned().collect()).await?;
    let reason = match timeout(limit, tail.next()).await {
        Ok(Ok(_)) => return Ok(tail),
        Ok(Err(reason)) => reason,
        Err(_) => "it does not begin".to_owned(),
    };
    let message = format!(
        "live tail: {} opens a session, but {reason}",
        cloud.service()
    );
    Err(Trouble::new(Kind::Disturbed, message))
}
