//! Random lives of one escalation, without bus and storage.

use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::incident::{IncidentId, Status};
use proptest::prelude::*;

use super::super::policy::{Level, Policy, Repeat, Rules};
use super::super::tracked::Tracked;

const RULES: Rules = Rules {
    resolved: Vec::new(),
    acknowledged_pauses: true,
    acknowledge_timeout: None,
};

fn policy(levels: &[(u64, Option<u32>)]) -> Policy {
    let mut after = 0;
    let mut level = |(index, (gap, limit)): (usize, &(u64, Option<u32>))| {
        after += gap;
        Level {
            number: u32::try_from(index).unwrap() + 1,
            after: Duration::from_secs(after),
            notify: Vec::new(),
            repeat: limit.map(|limit| Repeat {
                interval: Duration::from_secs(7),
                limit,
            }),
        }
    };
    Policy {
        id: "p".into(),
        severities: Vec::new(),
        title: None,
        levels: levels.iter().enumerate().map(&mut level).collect(),
    }
}

proptest! {
    /// However long somebody has it, and however late the clock is looked at: no level is told before its time, each is
    /// told or named as skipped exactly once, and after the last repetition there is nothing to do.
    #[test]
    fn every_level_counts_once_and_never_too_early(
        levels in prop::collection::vec((1..100u64, prop::option::of(0..3u32)), 1..5),
        steps in prop::collection::vec((0..60_000u64, any::<bool>()), 1..80),
    ) {
        let policy = policy(&levels);
        let start = Timestamp::from_millis(1_000_000);
        let mut tracked = Tracked::start(IncidentId::from("a"), &policy, start);
        let (mut now, mut was_held, mut counted) = (start, false, Duration::ZERO);
        let mut reached = Vec::new();
        let mut told = 0;
        for (wait, is_held) in steps {
            now = now.plus(Duration::from_millis(wait));
            if !was_held {
                counted += Duration::from_millis(wait);
            }
            // A timer before the change, as the module would.
            let status = |held| if held { Status::Acknowledged } else { Status::Open };
            for held in [was_held, is_held] {
                tracked.follow(status(held), None, &RULES, now);
                let json = serde_json::to_string(&tracked).unwrap();
                tracked = serde_json::from_str(&json).unwrap();
                if let Some(notice) = tracked.advance(&policy, &RULES, now) {
                    prop_assert!(!held);
                    told += 1;
                    let level = policy.level(notice.level).unwrap();
                    prop_assert!(counted >= level.after);
                    if notice.repetition == 0 {
                        reached.extend(notice.skipped);
                        reached.push(notice.level);
                    } else {
                        prop_assert!(notice.repetition <= level.repeat.unwrap().limit);
                    }
                }
                prop_assert!(tracked.due_at.is_none_or(|due| due > now));
                prop_assert!(!held || tracked.due_at.is_none());
            }
            was_held = is_held;
        }
        let due = policy.levels.iter().filter(|level| level.after <= counted);
        prop_assert_eq!(reached, due.map(|level| level.number).collect::<Vec<_>>());
        let most: u32 = levels.iter().map(|(_, limit)| 1 + limit.unwrap_or(0)).sum();
        prop_assert!(told <= most);
    }
}
