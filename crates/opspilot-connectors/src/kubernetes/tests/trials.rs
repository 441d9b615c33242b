//! `check --online`.

use super::*;

async fn tried(yaml: &str) -> Vec<Trial> {
    let mut module = Kubernetes::new(serde_saphyr::from_str(yaml).unwrap()).unwrap();
    let cx = TrialContext::new(Kubernetes::MANIFEST.id, SystemClock::shared());
    module.trial(&cx).await
}

#[tokio::test]
async fn each_resource_is_listed_and_refusals_are_told() {
    let api = Api::start().await;
    let yaml = api.yaml(", watchNodes: true, podLogs: [{selector: app=web}]");
    let well = tried(&yaml).await;
    assert!(well.len() > 2 && well.iter().all(Trial::is_ok), "{well:?}");
    api.change(|state| state.forbidden = Some("nodes"));
    let trials = tried(&yaml).await;
    let failed: Vec<_> = trials.iter().filter(|trial| !trial.is_ok()).collect();
    assert_eq!(failed.len(), 1, "{trials:?}");
    assert_eq!(failed[0].name, format!("list nodes of {}", api.url()));
    let fault = failed[0].fault.clone().unwrap();
    assert!(fault.contains("(403): grant the verbs"), "{fault}");

    let wrong = yaml.replace("t0ken", "s3cret");
    let trials = tried(&wrong).await;
    let is_refused = |trial: &Trial| trial.fault.as_ref().unwrap().contains("(401)");
    assert!(trials.iter().all(is_refused), "{trials:?}");
    let away = tried("{apiUrl: 'http://127.0.0.1:1', token: s3cret}").await;
    let is_away = |trial: &Trial| trial.fault.as_ref().unwrap().contains("cannot reach");
    assert!(away.iter().all(is_away), "{away:?}");
    assert!(!format!("{trials:?}{away:?}").contains("s3cret"));
}
