//! Memory stays flat, however much is read.

use std::fmt::Write as _;

use serde_json::json;

use crate::common::files::Site;
use crate::common::server::Server;
use crate::common::settings::{settings, with};

/// How many lines. The first half million fills the caches; a release build reads far faster.
const LINES: usize = if cfg!(debug_assertions) {
    1_000_000
} else {
    2_000_000
};

/// One line in so many matches.
const MATCHING: usize = 10;

/// How many parts the lines are written in; memory is compared after the first half and at the end.
const PARTS: usize = 8;

#[test]
fn memory_is_the_same_in_the_middle_and_at_the_end() {
    let site = Site::new();
    // As many incidents are kept as are reached early, so that the store is as large in the middle as at the end.
    let settings = with(
        settings(&site),
        "/modules/enricher.incidentStore/maxIncidents",
        json!(LINES / MATCHING / PARTS / 2),
    );
    let settings = with(settings, "/storage/durability", json!("fast"));
    site.configure(&with(
        settings,
        "/modules/notifier.channels/enabled",
        json!(false),
    ));
    site.write("app.log", "");
    let server = Server::start(&site);
    let mut resident = Vec::new();
    for part in 0..PARTS {
        site.append("app.log", lines(part));
        let matches = ((part + 1) * LINES / PARTS / MATCHING) as u64;
        server.until("all is counted", || {
            let created = server
                .client()
                .metric("opspilot_incidents_created_total")
                .ok()?;
            Some(()).filter(|()| created >= matches)
        });
        resident.push(
            server
                .client()
                .metric("opspilot_process_rss_bytes")
                .expect("metrics"),
        );
    }
    server.stop();
    let (middle, end) = (resident[PARTS / 2 - 1], resident[PARTS - 1]);
    println!("resident after each part: {resident:?}");
    assert!(
        end * 100 <= middle * 110,
        "memory grew from {middle} to {end} bytes: {resident:?}"
    );
}

fn lines(part: usize) -> String {
    let mut text = String::new();
    for n in 0..LINES / PARTS {
        let mark = if n % MATCHING == 0 { "MARK-" } else { "mark " };
        writeln!(
            text,
            "2026-02-20T12:00:00Z ERROR part {part} {mark}{n} and some more words"
        )
        .expect("a string");
    }
    text
}
