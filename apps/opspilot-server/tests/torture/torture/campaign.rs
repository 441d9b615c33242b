//! One run: a writer, a server that is killed again and again, and the proof.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::getpid;
use serde_json::{Value, json};

use super::log::Rotation;
use super::proof;
use super::random::Random;
use super::writer::{Shared, Work, write};
use crate::common::client::Client;
use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::{settings, with};
use crate::common::wait::{PATIENCE, pause};

/// How many kills a run has when nobody says otherwise.
const KILLS: u64 = 8;

/// How many runs share the kills that somebody asks for.
const RUNS: u64 = 8;

/// How often the server is asked how far it is.
const LOOK: Duration = Duration::from_millis(20);

/// What to do to the log and how to count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Campaign<'a> {
    /// The test's name.
    pub(super) name: &'a str,
    pub(super) rotation: Rotation,
    pub(super) counting: Counting,
}

/// What becomes of a marked line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// An incident.
    Incidents,
    /// An occurrence of an incident: rules have a cooldown, and incidents are deduplicated.
    Occurrences,
}

impl Campaign<'_> {
    /// Runs, and prints how to run again if it fails.
    pub(super) fn run(self) {
        let seed = variable("OPSPILOT_TORTURE_SEED")
            .unwrap_or_else(|| u64::from(getpid().as_raw_nonzero().get().unsigned_abs()));
        let kills = variable("OPSPILOT_TORTURE_KILLS");
        let of_all = kills.map_or_else(String::new, |kills| {
            format!("OPSPILOT_TORTURE_KILLS={kills} ")
        });
        println!(
            "seed {seed}; to repeat: OPSPILOT_TORTURE_SEED={seed} {of_all}cargo test -p opspilot-server --test torture {}",
            self.name
        );
        self.fight(seed, kills.map_or(KILLS, |kills| kills.div_ceil(RUNS)));
    }

    fn fight(self, seed: u64, kills: u64) {
        let site = Site::new();
        site.configure(&self.settings(&site));
        let mut random = Random::new(seed);
        let mut writers_random = Random::new(random.below(u64::MAX));
        let mut logs = self.rotation.logs(site.folder()).expect("logs can be made");
        let shared = Shared::default();
        let work = thread::scope(|scope| {
            let end = EndsWriter(&shared);
            let writer =
                scope.spawn(|| write(self.rotation, &mut logs, &mut writers_random, &shared));
            self.kill_again_and_again(&site, kills, &mut random, &shared);
            drop(end);
            writer
                .join()
                .expect("the writer does not panic")
                .expect("logs can be written")
        });
        self.prove(&site, kills, &shared, &work);
    }

    fn settings(self, site: &Site) -> Value {
        let settings = settings(site);
        let settings = with(
            settings,
            "/modules/connector.fileTail/paths",
            json!(self.rotation.patterns(site.folder())),
        );
        if self.counting == Counting::Incidents {
            return settings;
        }
        let settings = with(
            settings,
            "/modules/detector.regex/rules/0",
            json!({
                "id": "mark", "pattern": r"MARK-(\d+)", "severity": "warning", "title": "A mark", "cooldownMs": 700,
            }),
        );
        with(
            settings,
            "/modules/enricher.dedup",
            json!({ "enabled": true, "windowMs": 1_000 }),
        )
    }

    /// Lets a server see the logs once. Nobody can know of a log that was renamed before any server saw it.
    fn make_known(site: &Site, shared: &Shared) {
        let server = Server::start(site);
        server.until("a first mark is stored", || {
            let stored = server.client().metric("opspilot_incidents").ok()?;
            (stored > 0).then_some(())
        });
        server.stop();
        shared.is_known.store(true, Ordering::SeqCst);
    }

    fn kill_again_and_again(self, site: &Site, kills: u64, random: &mut Random, shared: &Shared) {
        Self::make_known(site, shared);
        for _ in 0..kills {
            let mut server = Server::launch(site);
            if random.once_in(5) {
                // In the middle of its start.
                pause(random.millis(0, 200));
            } else {
                server.wait_until_ready();
                Self::watch(server.client(), random.millis(20, 1_000), shared);
            }
            server.kill();
        }
        // A writer that waits for a reader needs one.
        if self.rotation.needs_reader() {
            let server = Server::start(site);
            Self::watch(server.client(), Duration::from_millis(500), shared);
            server.kill();
        }
    }

    /// Lets the server work for a while, and tells a writer that waits how far it is.
    fn watch(client: &Client, time: Duration, shared: &Shared) {
        let started = Instant::now();
        while started.elapsed() < time {
            if shared.waits.load(Ordering::SeqCst) {
                let stored = client.metric("opspilot_incidents").unwrap_or_default();
                shared.stored.store(stored, Ordering::SeqCst);
            }
            pause(LOOK.min(time.saturating_sub(started.elapsed())));
        }
    }

    fn prove(self, site: &Site, kills: u64, shared: &Shared, work: &Work) {
        let written = shared.written.load(Ordering::SeqCst);
        let server = Server::start(site);
        let caught_up = self.catch_up(&server, site, written);
        server.stop();
        // What a clean start finds is what counts.
        let server = Server::start(site);
        let incidents = server.incidents();
        println!(
            "{}: {} lines, {written} marked, {} rotations, {kills} kills, {} incidents",
            self.name,
            work.lines,
            work.rotations,
            incidents.len()
        );
        let proof = match self.counting {
            Counting::Incidents => proof::each_mark_is_one_incident(written, &incidents),
            Counting::Occurrences => proof::occurrences_add_up(written, &incidents),
        };
        let proof = proof.and_then(|()| proof::each_incident_was_notified(&incidents, site));
        let proof = caught_up.and(proof);
        proof.unwrap_or_else(|fault| panic!("{fault}\n{}", server.messages()));
        server.stop();
    }

    /// Waits until everything is seen and told, as long as there is progress.
    fn catch_up(self, server: &Server<'_>, site: &Site, written: u64) -> Result<(), String> {
        let mut progress = (0, Instant::now());
        loop {
            let seen = self.seen(server);
            if seen >= written
                && proof::each_incident_was_notified(&server.incidents(), site).is_ok()
            {
                return Ok(());
            }
            if seen > progress.0 {
                progress = (seen, Instant::now());
            }
            if progress.1.elapsed() > PATIENCE {
                return Err(format!("no progress behind {seen} of {written} marks"));
            }
            pause(10 * LOOK);
        }
    }

    fn seen(self, server: &Server<'_>) -> u64 {
        match self.counting {
            Counting::Incidents => server
                .client()
                .metric("opspilot_incidents")
                .unwrap_or_default(),
            Counting::Occurrences => proof::occurrences(&server.incidents()),
        }
    }
}

/// Ends the writer, also when the test fails.
struct EndsWriter<'a>(&'a Shared);

impl Drop for EndsWriter<'_> {
    fn drop(&mut self) {
        self.0.ends.store(true, Ordering::SeqCst);
    }
}

/// The number in the environment variable `name`.
#[expect(
    clippy::disallowed_methods,
    reason = "how much to test is said to the test, not to the server"
)]
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("`{name}` is not a number: {text}")),
    )
}
