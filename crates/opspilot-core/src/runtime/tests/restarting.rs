//! Another start of one module, while the others go on.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[tokio::test]
async fn a_module_that_is_restarted_ends_and_runs_again_and_nobody_else_does() {
    let mut runtime = start(BOTH).await.unwrap();
    tokio::task::yield_now().await;
    noted();
    runtime.restart_by("ann", "connector.fake").await.unwrap();
    assert_eq!(health(&runtime, "connector.fake").0, ModuleState::Running);
    let audit = runtime.audit().clone();
    assert_eq!(
        noted(),
        [
            "stop connector.fake",
            "init connector.fake 0",
            "run connector.fake"
        ]
    );
    runtime.stop().await;
    let filter = crate::safety::audit::AuditFilter {
        actor: Some("ann".into()),
        ..crate::safety::audit::AuditFilter::default()
    };
    let (entries, _) = audit.list(&filter, None, 10).await.unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (&*entry.action, entry.target.as_deref()))
        .collect();
    assert_eq!(told, [("module.restarted", Some("connector.fake"))]);
}

#[tokio::test]
async fn what_is_no_module_that_runs_is_not_restarted_and_that_is_audited() {
    let mut runtime = start("modules:\n  enricher.fake: {}\n").await.unwrap();
    let rows = [
        ("core", RestartError::NotAlone("core".into())),
        ("connector.fake", RestartError::Off("connector.fake".into())),
        ("ui.none", RestartError::Unknown("ui.none".into())),
    ];
    for (id, refusal) in rows {
        assert_eq!(runtime.restart_by("ann", id).await, Err(refusal));
    }
    let audit = runtime.audit().clone();
    runtime.stop().await;
    let refused = |(action, _): &(String, String)| action == "module.restartRefused";
    assert_eq!(
        audited(&audit)
            .await
            .iter()
            .filter(|entry| refused(entry))
            .count(),
        3
    );
}

/// Whether [`Fragile`] finds what it needs.
static WORKS: AtomicBool = AtomicBool::new(true);

/// A module that starts only while [`WORKS`].
struct Fragile;

#[async_trait]
impl Module for Fragile {
    const MANIFEST: Manifest = Manifest::new("ui.fragile", Category::Ui, "A module of a test.");

    type Config = Options;

    fn new(_: Options) -> Result<Self, BuildError> {
        Ok(Self)
    }

    async fn init(&mut self, _: &Context) -> Result<(), RunError> {
        match WORKS.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err(RunError::message("cannot bind `x`")),
        }
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        cx.cancel.cancelled().await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_module_that_does_not_start_again_says_why_and_is_tried_again_by_itself() {
    let registry = Registry::default().with([Factory::of::<Fragile>()]);
    let known = registry.known_modules();
    let yaml = "modules:\n  ui.fragile: {}\n";
    let loaded = load_text(
        yaml,
        Path::new("test.yaml"),
        &Environment::default(),
        &known,
    );
    let parts = Parts {
        registry,
        storage: Arc::new(MemoryStorage::default()),
        clock: SystemClock::shared(),
        metrics: Metrics::default(),
        audit_key: crate::safety::audit::SigningKey::ephemeral().unwrap(),
        config_source: None,
    };
    let mut runtime = Runtime::start(parts, loaded.unwrap().config).await.unwrap();
    WORKS.store(false, Ordering::SeqCst);
    let refused = runtime.restart_by("ann", "ui.fragile").await;
    let reason = "cannot bind `x`".to_owned();
    let module = "ui.fragile".to_owned();
    assert_eq!(refused, Err(RestartError::Failed { module, reason }));
    let (state, trouble, _) = health(&runtime, "ui.fragile");
    assert_eq!(
        (state, trouble.status),
        (ModuleState::Failed, HealthStatus::Degraded)
    );
    WORKS.store(true, Ordering::SeqCst);
    tokio::time::sleep(std::time::Duration::from_mins(2)).await;
    let (state, trouble, _) = health(&runtime, "ui.fragile");
    assert_eq!(
        (state, trouble.status),
        (ModuleState::Running, HealthStatus::Healthy)
    );
    runtime.stop().await;
}
