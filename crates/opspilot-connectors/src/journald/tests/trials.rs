//! `check --online`.

use super::*;

async fn tried(yaml: &str) -> Trial {
    let mut module = Journald::new(serde_saphyr::from_str(yaml).unwrap()).unwrap();
    let cx = TrialContext::new(Journald::MANIFEST.id, SystemClock::shared());
    module.trial(&cx).await.remove(0)
}

#[tokio::test]
async fn the_last_entry_is_read_and_what_is_in_the_way_is_told() {
    let hint = "Hint: You are currently not seeing messages from other users and the system.";
    let denied = "No journal files were opened due to insufficient permissions.";
    let rows = [
        (says(1..=1) + STAYS, None),
        (
            says(1..=1) + &format!("echo '{hint}' >&2\n") + STAYS,
            Some("the group `systemd-journal`"),
        ),
        (
            format!("echo '{denied}' >&2\nexit 1"),
            Some("the group `systemd-journal`"),
        ),
        (
            "echo oops >&2\nexit 3".to_owned(),
            Some("ended (exit status: 3): oops"),
        ),
    ];
    for (script, expected) in rows {
        let fake = Fake::new(&[&script]).install();
        let trial = tried(&fake.yaml()).await;
        match (expected, &trial.fault) {
            (None, None) => assert_eq!(trial.note, None),
            (Some(words), Some(fault)) => assert!(fault.contains(words), "{fault}"),
            _ => panic!("{script}: {trial:?}"),
        }
        assert!(fake.arguments(1).contains("--lines=1"));
    }
    let missing = tried("{backend: journalctl, journalctlPath: /none/journalctl}").await;
    let fault = missing.fault.unwrap();
    assert!(fault.contains("does not exist: install systemd"), "{fault}");
}
