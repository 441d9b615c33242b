//! What is told, and when.

use super::super::config::Config;
use super::super::failure::Failure;
use super::*;

fn endpoint(options: &str) -> CheckedEndpoint {
    let yaml = format!("endpoints: [{{id: a, name: Shop, url: 'tcp://h:1', {options}}}]");
    let config: Config = serde_saphyr::from_str(&yaml).unwrap();
    config.check().unwrap().0.remove(0)
}

/// Plays probes, each one second after the one before: `.` up, `s` slow, `x` down. Gives the kinds of what was told,
/// with `-` for nothing.
fn play(options: &str, telling: Telling, probes: &str) -> (String, State) {
    let endpoint = endpoint(options);
    let (mut state, mut told) = (State::default(), Vec::new());
    for (second, probe) in (0..).zip(probes.chars()) {
        let result = match probe {
            '.' => Ok(None),
            's' => Ok(Some("slow".to_owned())),
            _ => Err(Failure::new("refused")),
        };
        let outcome = Outcome {
            response_ms: 7,
            certificate_days: None,
            status: None,
            result,
        };
        let lines = state.observe(second * 1000, (&endpoint, telling), &outcome);
        let letters = lines.iter().map(|line| match line.kind {
            Kind::Failure => 'F',
            Kind::Degraded => 'D',
            Kind::Recovery => 'R',
            Kind::Flapping => '~',
        });
        let letters: String = letters.collect();
        told.push(if letters.is_empty() {
            "-".to_owned()
        } else {
            letters
        });
    }
    (told.join(" "), state)
}

const CALM: Telling = Telling {
    reminder_ms: 3000,
    flapping: Flapping {
        changes: 0,
        window_ms: 1000,
    },
};

#[test]
fn changes_are_told_and_what_lasts_is_told_again() {
    let rows = [
        ("", ".xxxxxx..", "- F - - F - - R -"),
        ("", "x.", "F R"),
        ("consecutiveFailures: 3", "xx.xxx.", "- - - - - F R"),
        ("consecutiveSuccesses: 2", ".x.x..", "- F - - - R"),
        ("", ".sssss.", "- D - - D - R"),
        ("", ".xs.", "- F RD R"),
        ("", ".sx.", "- D F R"),
        ("consecutiveFailures: 2", ".s.ss.", "- - - - D R"),
    ];
    for (options, probes, expected) in rows {
        assert_eq!(
            play(options, CALM, probes).0,
            expected,
            "{options} {probes}"
        );
    }
}

#[test]
fn without_reminders_every_failing_cycle_is_told() {
    let telling = Telling {
        reminder_ms: 0,
        ..CALM
    };
    let (told, _) = play("consecutiveFailures: 2", telling, ".xxxx.");
    assert_eq!(told, "- - F F F R");
}

#[test]
fn one_that_flaps_is_told_once_and_once_it_has_settled() {
    let telling = Telling {
        reminder_ms: 3000,
        flapping: Flapping {
            changes: 4,
            window_ms: 10_000,
        },
    };
    let (told, state) = play("", telling, ".x.x.x.xxxxxxxxxxx");
    assert_eq!(told, "- F R F ~ - - - - - - - - - - F - -");
    assert_eq!(
        (state.status, state.is_flapping),
        (Status::Unhealthy, false)
    );
    let (told, state) = play("", telling, &format!("x{}", ".x".repeat(500)));
    assert_eq!(told.matches(['F', 'R', '~']).count(), 5, "{told}");
    assert!(state.changes.len() <= 10, "{}", state.changes.len());
}

#[test]
fn lines_are_those_of_the_contract() {
    let endpoint = endpoint("");
    let mut state = State::default();
    let mut observe = |result| {
        let outcome = Outcome {
            response_ms: 12,
            certificate_days: None,
            status: None,
            result,
        };
        let mut lines = state.observe(0, (&endpoint, CALM), &outcome);
        lines.remove(0).text
    };
    assert_eq!(
        observe(Err(Failure::new("connection refused"))),
        "[HEALTH_CHECK] [FAILURE] Shop (tcp://h:1): connection refused (attempt 1)"
    );
    assert_eq!(
        observe(Ok(None)),
        "[HEALTH_CHECK] [RECOVERY] Shop (tcp://h:1) is reachable again (12ms)"
    );
}
