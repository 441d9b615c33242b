use super::*;
use crate::clock::Clock;

#[tokio::test]
async fn every_trial_is_audited_with_its_outcome_and_without_secrets() {
    let site = Site::with(OLD).await;
    let clock: Arc<dyn Clock> = SystemClock::shared();
    let attempt = |text: &str| Attempt {
        by: "ann".into(),
        text: text.into(),
        modules: vec!["detector.fake"],
    };
    let tried = site.file.try_out(attempt(NEW), &clock).await.unwrap();
    assert_eq!(tried.len(), 1);
    let wrong = "modules:\n  detector.fake: { limit: many, token: s3cret }\n";
    let refused = site.file.try_out(attempt(wrong), &clock).await;
    assert!(matches!(refused, Err(TryError::Invalid(_))), "{refused:?}");
    site.file.note_refused("ann", "`path` is refused").await;
    let (mut entries, _) = site
        .bench
        .audit
        .list(&AuditFilter::default(), None, 10)
        .await
        .unwrap();
    entries.reverse();
    let actions: Vec<_> = entries.iter().map(|entry| &*entry.action).collect();
    let expected = [
        "setup.trying",
        "setup.tried",
        "setup.trying",
        "setup.tried",
        "setup.refused",
    ];
    assert_eq!(actions, expected);
    assert!(entries.iter().all(|entry| entry.actor == "ann"));
    let outcome = |at: usize| entries[at].details["outcome"].as_str().unwrap();
    assert_eq!((outcome(1), outcome(3)), ("works", "faults"));
    let all = serde_json::to_string(&entries).unwrap();
    assert!(all.contains("limit") && !all.contains("s3cret"), "{all}");
}

#[tokio::test]
async fn what_belongs_to_the_server_is_named() {
    let text = "storage: { options: { dataDir: /d/new } }\nmodules:\n  detector.fake: { limit: 1, token: '${file:key}' }\n";
    let site = Site::with(text).await;
    fs::write(site.folder.path().join("key"), "s3cret").unwrap();
    let guarded = site.file.guarded().await.unwrap();
    assert!(guarded.folders.contains(&"/d/new".into()), "{guarded:?}");
    for name in ["config.yaml", "config.yaml.previous", "key"] {
        let path = site.folder.path().join(name);
        assert!(guarded.files.contains(&path), "{name}: {guarded:?}");
    }
}
