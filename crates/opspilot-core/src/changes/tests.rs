use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use tempfile::TempDir;

use super::*;
use crate::clock::SystemClock;
use crate::config::{ConfigErrors, DiffKind, EditError, Environment, ModuleOptions};
use crate::module::{
    BuildError, Category, ConfigSource, Context, Factory, Manifest, Module, Registry, ReloadError,
    ReloadReport, Request, Requests, RunError, Tasks,
};
use crate::rules::{RuleDescription, RuleKind, RuleTrial};
use crate::safety::action::Digest;
use crate::safety::audit::AuditFilter;
use crate::safety::identity::{Identity, Kind, Method, Role};
use crate::safety::refusal::Refusal;
use crate::storage::{MemoryStorage, SharedStorage};
use crate::testing::Bench;

const FILE: &str = "# kept\nmodules:\n  detector.fake:\n    rules:\n      - id: a # one\n        limit: 1\n      - \
                    id: b\n# kept too\n";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    /// The name.
    #[expect(dead_code, reason = "the file is what is looked at")]
    id: String,
    /// At most 5.
    #[serde(default)]
    limit: u32,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    /// The rules.
    rules: Vec<Rule>,
}

struct Fake(Options);

#[derive(Debug)]
struct Kinds;

impl RuleKind for Kinds {
    fn describe(&self, _: &ModuleOptions) -> Result<Vec<RuleDescription>, ConfigErrors> {
        Ok(Vec::new())
    }

    fn prepare(&self, _: &ModuleOptions, _: usize) -> Result<Box<dyn RuleTrial>, ConfigErrors> {
        panic!("nobody tries these")
    }
}

#[async_trait]
impl Module for Fake {
    const MANIFEST: Manifest = Manifest::new("detector.fake", Category::Detector, "Of a test.");

    type Config = Options;

    fn new(config: Options) -> Result<Self, BuildError> {
        Ok(Self(config))
    }

    fn rules() -> Option<&'static dyn RuleKind> {
        Some(&Kinds)
    }

    fn check(&self) -> Result<(), BuildError> {
        match self.0.rules.iter().position(|rule| rule.limit > 5) {
            Some(at) => {
                let key = crate::config::KeyPath::of(["rules"]).with_index(at);
                Err(BuildError::option(key, "its test fails"))
            }
            None => Ok(()),
        }
    }

    async fn run(&mut self, _: &Context) -> Result<(), RunError> {
        Ok(())
    }
}

fn registry() -> Registry {
    Registry::default().with([Factory::of::<Fake>()])
}

fn person(name: &str) -> Identity {
    Identity::vouch(name, Role::Admin, Kind::Human, Method::ApiKey)
}

/// A file, and a server that takes every configuration but those that say `limit: 4`.
struct Site {
    path: PathBuf,
    storage: SharedStorage,
    bench: Bench,
    tasks: Tasks,
    _folder: TempDir,
}

impl Site {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("config.yaml");
        fs::write(&path, FILE).unwrap();
        let storage: SharedStorage = Arc::new(MemoryStorage::default());
        let tasks = Tasks::of("test");
        let bench = started(&storage, &path, &tasks).await;
        Self {
            path,
            storage,
            bench,
            tasks,
            _folder: folder,
        }
    }

    fn changes(&self) -> &RuleChanges {
        self.bench.access.rule_changes.as_ref().unwrap()
    }

    fn read(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    async fn try_propose(&self, draft: Draft, by: &str) -> Result<ConfigChange, ChangeError> {
        let preview = self.changes().preview(draft).await?;
        let said = ("because".to_owned(), None);
        self.changes().propose(preview, &person(by), said).await
    }

    async fn propose(&self, rule: &str) -> ConfigChange {
        self.try_propose(edit(rule), "ann").await.unwrap()
    }

    async fn approve(&self, change: &ConfigChange, by: &str) -> Result<ConfigChange, ChangeError> {
        let said = (change.result, None);
        self.changes().approve(&change.id, &person(by), said).await
    }

    async fn status(&self, change: &ConfigChange) -> ChangeStatus {
        self.changes()
            .get(&change.id)
            .await
            .unwrap()
            .unwrap()
            .status
    }

    /// What was audited of changes, oldest first.
    async fn audited(&self) -> Vec<(String, String)> {
        let filter = AuditFilter::default();
        let (entries, _) = self.bench.audit.list(&filter, None, 100).await.unwrap();
        let entries = entries.iter().rev();
        entries
            .map(|entry| (entry.action.to_string(), entry.actor.clone()))
            .filter(|(action, _)| action.starts_with("change."))
            .collect()
    }
}

async fn started(storage: &SharedStorage, path: &std::path::Path, tasks: &Tasks) -> Bench {
    let (mut bench, requests) =
        Bench::driven(Arc::clone(storage), SystemClock::shared(), registry()).await;
    let source = ConfigSource {
        path: path.to_owned(),
        environment: Environment::default(),
    };
    bench.configured_by(source, registry()).await;
    tasks.spawn("driver", drive(requests, path.to_owned()));
    bench
}

async fn drive(mut requests: Requests, path: PathBuf) {
    while let Some(Request::Reload { answer, .. }) = requests.recv().await {
        let text = fs::read_to_string(&path).unwrap();
        let outcome = match text.contains("limit: 4") {
            true => Err(ReloadError::Unusable("told to refuse".into())),
            false => Ok(ReloadReport::default()),
        };
        answer.send(outcome).ok();
    }
}

fn edit(rule: &str) -> Draft {
    Draft {
        kind: ChangeKind::Edit,
        detector: "detector.fake".into(),
        rule_id: Some("a".into()),
        rule: Some(rule.into()),
    }
}

#[track_caller]
fn refused(outcome: &Result<ConfigChange, ChangeError>, with: Refusal) {
    let found = match outcome {
        Err(ChangeError::Refused(refusal)) => Some(*refusal),
        _ => None,
    };
    assert_eq!(found, Some(with), "{outcome:?}");
}

#[tokio::test]
async fn another_person_approves_and_the_file_has_exactly_that_change() {
    let site = Site::new().await;
    let text = site.changes().rule("detector.fake", "a").await.unwrap();
    assert_eq!(text, "id: a # one\nlimit: 1\n");
    let change = site.propose("id: a # one\nlimit: 2\n").await;
    assert_eq!(
        (change.status, change.author.as_str()),
        (ChangeStatus::Proposed, "ann")
    );
    let kinds: Vec<_> = change.diff.iter().map(|line| line.kind).collect();
    assert_eq!(kinds, [DiffKind::Same, DiffKind::Removed, DiffKind::Added]);
    assert_eq!(site.read(), FILE, "nothing is written before the approval");
    // The author under any spelling, and whoever saw something else, are refused.
    refused(&site.approve(&change, "ann").await, Refusal::OwnProposal);
    refused(&site.approve(&change, " ANN").await, Refusal::OwnProposal);
    let unseen = (Digest::of(b"else"), None);
    let outcome = site
        .changes()
        .approve(&change.id, &person("bob"), unseen)
        .await;
    refused(&outcome, Refusal::NotAsSeen);
    let rows = [
        (Role::Operator, Kind::Human, Refusal::RoleTooLow),
        (Role::Admin, Kind::Service, Refusal::NotAPerson),
        (Role::Admin, Kind::Agent, Refusal::NotAPerson),
    ];
    for (role, kind, refusal) in rows {
        let by = Identity::vouch("bob", role, kind, Method::ApiKey);
        let outcome = site
            .changes()
            .approve(&change.id, &by, (change.result, None))
            .await;
        refused(&outcome, refusal);
        refused(&site.changes().refuse(&change.id, &by, None).await, refusal);
    }
    assert_eq!(site.read(), FILE);
    let applied = site.approve(&change, "bob").await.unwrap();
    assert_eq!(applied.status, ChangeStatus::Applied);
    assert_eq!(applied.decision.unwrap().by, "bob");
    assert_eq!(site.read(), FILE.replace("limit: 1", "limit: 2"));
    refused(&site.approve(&change, "bob").await, Refusal::Decided);
    let told = site.audited().await;
    let refusals = told
        .iter()
        .filter(|(action, _)| action == "change.decisionRefused");
    assert_eq!(refusals.count(), 10, "{told:?}");
    let steps: Vec<_> = told
        .iter()
        .filter(|(action, _)| action != "change.decisionRefused")
        .map(|(action, actor)| (action.as_str(), actor.as_str()))
        .collect();
    let expected = [
        ("change.proposed", "ann"),
        ("change.approved", "bob"),
        ("change.applied", "bob"),
    ];
    assert_eq!(steps, expected);
}

#[tokio::test]
async fn a_file_that_was_edited_makes_the_change_outdated_and_nothing_is_lost() {
    let site = Site::new().await;
    let change = site.propose("id: a\nlimit: 2\n").await;
    let other = site.propose("id: a\nlimit: 3\n").await;
    let by_hand = format!("{FILE}# by hand\n");
    fs::write(&site.path, &by_hand).unwrap();
    let outcome = site.approve(&change, "bob").await;
    assert!(matches!(outcome, Err(ChangeError::Outdated)), "{outcome:?}");
    assert_eq!(site.read(), by_hand);
    assert_eq!(site.status(&change).await, ChangeStatus::Outdated);
    // The same file again: the other one still fits.
    fs::write(&site.path, FILE).unwrap();
    site.approve(&other, "bob").await.unwrap();
    assert_eq!(
        site.read(),
        FILE.replace("id: a # one\n        limit: 1", "id: a\n        limit: 3")
    );
}

#[tokio::test]
async fn what_the_server_does_not_take_is_not_applied() {
    let site = Site::new().await;
    let change = site.propose("id: a\nlimit: 4\n").await;
    let outcome = site.approve(&change, "bob").await;
    assert!(
        matches!(outcome, Err(ChangeError::Failed(_))),
        "{outcome:?}"
    );
    assert_eq!(site.read(), FILE);
    let failed = site.changes().get(&change.id).await.unwrap().unwrap();
    assert_eq!(failed.status, ChangeStatus::Failed);
    assert!(failed.outcome.unwrap().contains("told to refuse"));
    // Faults are found before anything is proposed.
    for (rule, part) in [
        ("id: a\nlimit: x\n", "rule:2:8"),
        ("id: a\nlimit: 6\n", "its test fails"),
    ] {
        let error = site.try_propose(edit(rule), "ann").await.unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    let elsewhere = Draft {
        detector: "detector.none".into(),
        ..edit("id: a")
    };
    let error = site.try_propose(elsewhere, "ann").await.unwrap_err();
    assert!(matches!(error, ChangeError::NoSuchDetector(_)), "{error}");
}

#[tokio::test]
async fn rules_come_and_go_and_changes_are_refused_and_withdrawn() {
    let site = Site::new().await;
    let draft = |kind, id: Option<&str>, rule: Option<&str>| Draft {
        kind,
        detector: "detector.fake".into(),
        rule_id: id.map(Into::into),
        rule: rule.map(Into::into),
    };
    let add = draft(ChangeKind::Add, None, Some("id: c\nlimit: 5"));
    let added = site.try_propose(add, "ann").await.unwrap();
    assert_eq!(added.ask.rule_id, "c");
    let added = site.approve(&added, "bob").await.unwrap();
    let with_c = FILE.replace("- id: b\n", "- id: b\n      - id: c\n        limit: 5\n");
    assert_eq!((added.status, site.read()), (ChangeStatus::Applied, with_c));
    let remove = draft(ChangeKind::Remove, Some("c"), None);
    let removed = site.try_propose(remove, "bob").await.unwrap();
    site.approve(&removed, "ann").await.unwrap();
    assert_eq!(site.read(), FILE);

    let one = site.propose("id: a\nlimit: 2\n").await;
    refused(
        &site.changes().refuse(&one.id, &person("ann"), None).await,
        Refusal::OwnProposal,
    );
    let said = Some("no".to_owned());
    let done = site
        .changes()
        .refuse(&one.id, &person("bob"), said)
        .await
        .unwrap();
    assert_eq!(done.status, ChangeStatus::Refused);
    refused(&site.approve(&one, "bob").await, Refusal::Denied);
    let two = site.propose("id: a\nlimit: 2\n").await;
    let stranger = Identity::vouch("eve", Role::Operator, Kind::Human, Method::ApiKey);
    let outcome = site.changes().withdraw(&two.id, &stranger, None).await;
    refused(&outcome, Refusal::NotTheProposer);
    let done = site
        .changes()
        .withdraw(&two.id, &person("ann"), None)
        .await
        .unwrap();
    assert_eq!(done.status, ChangeStatus::Withdrawn);
    refused(&site.approve(&two, "bob").await, Refusal::Cancelled);
    let nothing = site.try_propose(edit("id: a # one\nlimit: 1"), "ann").await;
    assert!(
        matches!(nothing, Err(ChangeError::Edit(EditError::Same))),
        "{nothing:?}"
    );
    let (all, _) = site.changes().list(&[], None, 10).await.unwrap();
    assert_eq!(all.len(), 4);
    assert_eq!(site.read(), FILE);
}

#[tokio::test]
async fn what_was_half_done_is_settled_by_what_the_file_says() {
    let site = Site::new().await;
    let done = site.propose("id: a\nlimit: 2\n").await;
    let undone = site.propose("id: a\nlimit: 3\n").await;
    for change in [&done, &undone] {
        let verb = deciding::Verb::Approve {
            seen: change.result,
            now: Some(change.base),
        };
        let inner = &site.changes().0;
        inner
            .decide(&change.id, &person("bob"), verb, None)
            .await
            .unwrap();
        assert_eq!(site.status(change).await, ChangeStatus::Applying);
    }
    let text = FILE.replace("id: a # one\n        limit: 1", "id: a\n        limit: 2");
    fs::write(&site.path, text).unwrap();
    let again = started(&site.storage, &site.path, &site.tasks).await;
    let changes = again.access.rule_changes.as_ref().unwrap();
    let status =
        async |change: &ConfigChange| changes.get(&change.id).await.unwrap().unwrap().status;
    assert_eq!(status(&done).await, ChangeStatus::Applied);
    assert_eq!(status(&undone).await, ChangeStatus::Failed);
}

#[tokio::test]
async fn what_waits_for_another_file_ends_and_takes_no_place() {
    let site = Site::new().await;
    let first = site.propose("id: a\nlimit: 2\n").await;
    let second = site.propose("id: a\nlimit: 3\n").await;
    site.approve(&first, "bob").await.unwrap();
    assert_eq!(site.status(&second).await, ChangeStatus::Outdated);
    let third = site.propose("id: a\nlimit: 4\n").await;
    fs::write(&site.path, format!("{}# by hand\n", site.read())).unwrap();
    site.propose("id: a\nlimit: 5\n").await;
    assert_eq!(site.status(&third).await, ChangeStatus::Outdated);
    let (waiting, _) = site
        .changes()
        .list(&[ChangeStatus::Proposed], None, 10)
        .await
        .unwrap();
    assert_eq!(waiting.len(), 1);
}
