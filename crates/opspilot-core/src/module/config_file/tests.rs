mod trying;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use tempfile::TempDir;

use super::super::{
    BuildError, Category, Context, Factory, Manifest, Module, Request, Requests, RunError,
};
use super::*;
use crate::clock::SystemClock;
use crate::config::{KeyPath, Secret};
use crate::module::ReloadError;
use crate::safety::audit::AuditFilter;
use crate::storage::MemoryStorage;
use crate::testing::Bench;

const OLD: &str = "# first\nmodules:\n  detector.fake: { limit: 1 } # kept\n";
const NEW: &str = "# first\nmodules:\n  detector.fake: { limit: 2 } # kept\n";

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Options {
    /// At most 5.
    limit: u32,
    /// Never shown.
    #[schemars(extend("writeOnly" = true))]
    token: Option<Secret>,
}

struct Fake(Options);

#[async_trait]
impl Module for Fake {
    const MANIFEST: Manifest = Manifest::new("detector.fake", Category::Detector, "Of a test.");

    type Config = Options;

    fn new(config: Options) -> Result<Self, BuildError> {
        Ok(Self(config))
    }

    fn check(&self) -> Result<(), BuildError> {
        if self.0.limit > 5 || self.0.token.is_some() {
            let key = KeyPath::of(["limit"]);
            return Err(BuildError::option(key, "its test fails"));
        }
        Ok(())
    }

    async fn run(&mut self, _: &Context) -> Result<(), RunError> {
        Ok(())
    }
}

/// A file in a folder of its own, and whoever would reload it.
struct Site {
    folder: TempDir,
    file: ConfigFile,
    requests: Requests,
    bench: Bench,
}

impl Site {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let registry = Registry::default().with([Factory::of::<Fake>()]);
        let (bench, requests) = Bench::driven(
            Arc::new(MemoryStorage::default()),
            SystemClock::shared(),
            registry.clone(),
        )
        .await;
        let source = ConfigSource {
            path: folder.path().join("config.yaml"),
            environment: Environment::default(),
        };
        let file = ConfigFile::new(source, registry, bench.system.clone(), bench.audit.clone());
        Self {
            folder,
            file,
            requests,
            bench,
        }
    }

    async fn with(text: &str) -> Self {
        let site = Self::new().await;
        fs::write(site.file.path(), text).unwrap();
        site
    }

    fn read(&self) -> String {
        fs::read_to_string(self.file.path()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    async fn digest(&self) -> Option<Digest> {
        self.file.current().await.unwrap().digest
    }

    /// Replaces the file while the server answers a reload with `outcome`; `meanwhile` happens before that.
    async fn replace(
        &mut self,
        (expected, text): (Option<Digest>, &str),
        outcome: Result<ReloadReport, ReloadError>,
        meanwhile: impl FnOnce(&Path),
    ) -> Result<ReloadReport, ReplaceError> {
        let replacement = Replacement {
            by: "ann".into(),
            expected,
            text: text.into(),
        };
        let work = self.file.replace(replacement);
        tokio::pin!(work);
        tokio::select! {
            outcome = &mut work => return outcome,
            request = self.requests.recv() => {
                let Some(Request::Reload { by, answer }) = request else { panic!("{request:?}") };
                assert_eq!(by, "ann");
                meanwhile(self.file.path());
                answer.send(outcome).unwrap();
            }
        }
        work.await
    }

    async fn audited(&self) -> Vec<(String, String)> {
        let filter = AuditFilter::default();
        let (entries, _) = self.bench.audit.list(&filter, None, 10).await.unwrap();
        let told =
            |entry: &crate::safety::audit::Entry| (entry.action.to_string(), entry.actor.clone());
        entries.iter().rev().map(told).collect()
    }
}

fn told(actions: &[&str]) -> Vec<(String, String)> {
    let by_ann = |action: &&str| ((*action).to_owned(), "ann".to_owned());
    actions.iter().map(by_ann).collect()
}

#[tokio::test]
async fn a_checked_text_takes_the_place_of_the_one_that_was_seen() {
    let mut site = Site::with(OLD).await;
    fs::set_permissions(site.file.path(), fs::Permissions::from_mode(0o640)).unwrap();
    let current = site.file.current().await.unwrap();
    assert_eq!(
        (current.text.as_deref(), &current.obstacle),
        (Some(OLD), &None)
    );
    assert_eq!(current.digest, Some(Digest::of(OLD.as_bytes())));
    let report = ReloadReport {
        restarted: vec!["detector.fake".into()],
        ..ReloadReport::default()
    };
    let outcome = site
        .replace((current.digest, NEW), Ok(report.clone()), |path| {
            assert_eq!(fs::read_to_string(path).unwrap(), NEW, "before the reload");
        })
        .await;
    assert_eq!(outcome.unwrap(), report);
    assert_eq!(site.read(), NEW);
    let metadata = fs::metadata(site.file.path()).unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o640);
    assert_eq!(site.names(), ["config.yaml", "config.yaml.previous"]);
    let previous = site.folder.path().join("config.yaml.previous");
    assert_eq!(fs::read_to_string(previous).unwrap(), OLD);
    assert_eq!(
        site.audited().await,
        told(&["config.replacing", "config.replaced"])
    );
}

#[tokio::test]
async fn a_file_that_was_changed_meanwhile_is_left_alone() {
    let mut site = Site::with(OLD).await;
    let seen = site.digest().await;
    let edited = format!("{OLD}# by hand\n");
    fs::write(site.file.path(), &edited).unwrap();
    for expected in [seen, None] {
        let outcome = site
            .replace((expected, NEW), Ok(ReloadReport::default()), |_| {})
            .await;
        let changed = matches!(outcome, Err(ReplaceError::Disk(DiskError::Changed { .. })));
        assert!(changed, "{outcome:?}");
        assert_eq!(site.read(), edited);
        assert_eq!(site.names(), ["config.yaml"]);
    }
}

#[tokio::test]
async fn an_edit_in_the_last_moment_is_put_back() {
    let site = Site::with(OLD).await;
    let fresh = site.folder.path().join("fresh");
    fs::write(&fresh, NEW).unwrap();
    let place = Place::new(site.file.path());
    let outcome = place.exchange(&fresh, Digest::of(b"what was seen before"));
    assert!(
        matches!(outcome, Err(DiskError::Changed { .. })),
        "{outcome:?}"
    );
    assert_eq!(site.read(), OLD);
}

#[tokio::test]
async fn a_text_with_faults_changes_nothing_and_names_their_places() {
    let mut site = Site::with(OLD).await;
    let rows = [
        (
            "modules:\n  detector.fake: { limti: 2 }\n",
            "config.yaml:2:20",
        ),
        (
            "modules:\n  detector.fake: { limit: 6 }\n",
            "its test fails",
        ),
        ("modules: [", "config.yaml:1"),
        ("", "empty"),
    ];
    for (text, part) in rows {
        let seen = site.digest().await;
        let outcome = site
            .replace((seen, text), Ok(ReloadReport::default()), |_| {})
            .await;
        let Err(ReplaceError::Invalid(errors)) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(errors.to_string().contains(part), "{text}: {errors}");
        assert_eq!(site.read(), OLD);
        assert_eq!(site.file.check(text.into()).await.unwrap_err(), errors);
    }
    let checked = site.file.check(NEW.into()).await.unwrap();
    assert_eq!(checked.modules, ["detector.fake"]);
    let secret = "modules:\n  detector.fake: { limit: 1, token: s3cret }\n";
    let errors = site.file.check(secret.into()).await.unwrap_err();
    assert!(
        !format!("{errors} {errors:?}").contains("s3cret"),
        "{errors:?}"
    );
}

#[tokio::test]
async fn what_the_server_refuses_is_put_back() {
    let mut site = Site::with(OLD).await;
    let refused = || Err(ReloadError::Unusable("told to refuse".into()));
    let seen = site.digest().await;
    let outcome = site.replace((seen, NEW), refused(), |_| {}).await;
    assert!(
        matches!(outcome, Err(ReplaceError::Refused(_))),
        "{outcome:?}"
    );
    assert_eq!(site.read(), OLD);
    assert_eq!(site.names(), ["config.yaml"]);
    assert_eq!(
        site.audited().await,
        told(&["config.replacing", "config.notReplaced"])
    );
    // What somebody writes before the refusal is told is theirs.
    let by_hand = "modules: {} # by hand\n";
    let edit = |path: &Path| fs::write(path, by_hand).unwrap();
    let outcome = site.replace((seen, NEW), refused(), edit).await;
    assert!(
        matches!(outcome, Err(ReplaceError::Stuck { .. })),
        "{outcome:?}"
    );
    assert_eq!(site.read(), by_hand);
}

#[tokio::test]
async fn without_a_file_one_is_made_that_others_do_not_read() {
    let mut site = Site::new().await;
    let current = site.file.current().await.unwrap();
    assert_eq!((current.text, current.digest), (None, None));
    assert_eq!(current.obstacle, None);
    let refused = Err(ReloadError::Stopping);
    let outcome = site.replace((None, NEW), refused, |_| {}).await;
    assert!(
        matches!(outcome, Err(ReplaceError::Refused(_))),
        "{outcome:?}"
    );
    assert_eq!(site.names(), [""; 0]);
    let outcome = site
        .replace((None, NEW), Ok(ReloadReport::default()), |_| {})
        .await;
    outcome.unwrap();
    assert_eq!(site.read(), NEW);
    let metadata = fs::metadata(site.file.path()).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o600);
    assert_eq!(site.names(), ["config.yaml"]);
}

#[tokio::test]
async fn what_cannot_be_replaced_says_why() {
    let mut site = Site::new().await;
    let target = site.folder.path().join("..data");
    fs::write(&target, OLD).unwrap();
    symlink(&target, site.file.path()).unwrap();
    let current = site.file.current().await.unwrap();
    assert_eq!(current.text.as_deref(), Some(OLD));
    let said = current.obstacle.unwrap();
    assert!(said.contains("symbolic link"), "{said}");
    let outcome = site
        .replace((current.digest, NEW), Ok(ReloadReport::default()), |_| {})
        .await;
    let refused = matches!(outcome, Err(ReplaceError::Disk(DiskError::Obstacle { .. })));
    assert!(refused, "{outcome:?}");
    assert!(site.file.path().is_symlink());
    let rows = [
        ("/proc", "not a regular file"),
        ("/no-such-folder/config.yaml", "does not exist"),
        // The kernel refuses every new file there.
        ("/proc/config.yaml", ""),
    ];
    for (path, part) in rows {
        let place = Place::new(Path::new(path));
        if part.is_empty() {
            assert!(place.swap(None, NEW).is_err(), "{path}");
            continue;
        }
        let said = obstacle(Path::new(path)).unwrap();
        assert!(said.contains(part), "{path}: {said}");
    }
}
