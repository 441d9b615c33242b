//! The parts on recorded answers.

use crate::kubernetes::cluster::{TroubleKind, refusal};
use crate::kubernetes::facts;
use crate::kubernetes::kind::Kind;
use crate::kubernetes::outlet::Outlet;
use crate::kubernetes::progress::{Changes, Watched};
use crate::kubernetes::wire::{Change, ChangeKind, Head, Page, Status};

use super::*;

fn outlet(kind: Kind) -> Outlet {
    let watched = Watched {
        format: 1,
        watch: "test".to_owned(),
        epoch: 0,
        version: 0,
    };
    Outlet::new(
        "connector.kubernetes",
        "kubernetes",
        kind,
        watched,
        BTreeMap::new(),
    )
}

fn told(outlet: &mut Outlet, seen: Vec<facts::Seen>) -> Vec<String> {
    let version = seen.last().map_or(0, |one| one.version);
    let drafts = outlet.drafts(seen, version, Changes::new(), Timestamp::UNIX_EPOCH);
    let batches = drafts
        .into_iter()
        .filter_map(|draft| Some(draft.builder?.build(draft.end, Ack::ignored())));
    batches
        .flat_map(|batch| {
            batch
                .iter()
                .map(|record| record.text().into_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_real_watch_of_pods_tells_each_fact_once() {
    let severities = Config::default().severities();
    let mut outlet = outlet(Kind::Pods);
    let mut lines = Vec::new();
    for line in include_str!("../recorded/pods-watch.json").lines() {
        let change: Change<'_> = serde_json::from_str(line).unwrap();
        if matches!(change.kind, ChangeKind::Added | ChangeKind::Modified) {
            let seen = facts::read(Kind::Pods, change.object, &severities).unwrap();
            lines.extend(told(&mut outlet, vec![seen]));
        }
    }
    let form = regex::Regex::new(r"^\[K8S_POD\] \[(\w+)\] real/(\w+)/app: .* \(restarts: (\d+)\)$")
        .unwrap();
    let short: Vec<String> = lines
        .iter()
        .map(|line| form.replace(line, "$2 $1 $3").into_owned())
        .collect();
    let expected = [
        "noimage ErrImageNeverPull 0",
        "oom OOMKilled 0",
        "crasher Error 0",
        "oom OOMKilled 1",
        "crasher Error 1",
        "crasher CrashLoopBackOff 1",
        "oom CrashLoopBackOff 1",
        "oom OOMKilled 2",
        "crasher Error 2",
        "crasher CrashLoopBackOff 2",
        "oom CrashLoopBackOff 2",
        "oom OOMKilled 3",
        "crasher Error 3",
        "crasher CrashLoopBackOff 3",
        "crasher Error 4",
        "oom CrashLoopBackOff 3",
        "oom OOMKilled 4",
        "chatty Error 0",
    ];
    assert_eq!(short, expected);
    assert_eq!(
        lines[0],
        "[K8S_POD] [ErrImageNeverPull] real/noimage/app: Container image \"localhost/peer/missing:9\" is not present with \
         pull policy of Never (restarts: 0)"
    );
}

#[test]
fn real_lists_are_read() {
    let severities = Config::default().severities();
    let read = |kind, text: &'static str| {
        let page: Page<'_> = serde_json::from_str(text).unwrap();
        let items = page.items.unwrap();
        let mut seen: Vec<_> = items
            .iter()
            .map(|item| facts::read(kind, item, &severities).unwrap())
            .collect();
        seen.sort_by_key(|one| one.version);
        (items.len(), told(&mut outlet(kind), seen))
    };
    let (count, lines) = read(Kind::Events, include_str!("../recorded/events-list.json"));
    assert_eq!(lines.len(), count);
    assert!(
        lines.iter().any(|line| line.starts_with(
            "[K8S_EVENT] [Warning] Pod/too-big: FailedScheduling — 0/2 nodes are available"
        )),
        "{lines:#?}"
    );
    let (_, lines) = read(Kind::Nodes, include_str!("../recorded/nodes-list.json"));
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("[K8S_NODE] [NodeNotReady] ")
                && line.ends_with(": Kubelet stopped posting node status.")),
        "{lines:#?}"
    );
}

#[test]
fn real_refusals_mean_what_they_say() {
    let meant = |text: &str| {
        refusal(
            &serde_json::from_str::<Status>(text).unwrap(),
            "watch",
            Kind::Pods,
            "shop",
        )
    };
    let gone: serde_json::Value =
        serde_json::from_str(include_str!("../recorded/gone-watch.json")).unwrap();
    assert_eq!(meant(&gone["object"].to_string()).kind, TroubleKind::Gone);
    assert_eq!(
        meant(include_str!("../recorded/gone-list.json")).kind,
        TroubleKind::Gone
    );
    assert_eq!(
        meant(include_str!("../recorded/future.json")).kind,
        TroubleKind::Gone
    );
    let forbidden = meant(include_str!("../recorded/forbidden-watch.json"));
    assert!(
        forbidden
            .message
            .starts_with("may not watch pods in the namespace `shop` (403): grant the verbs"),
        "{}",
        forbidden.message
    );
    let unknown = meant(include_str!("../recorded/unauthorized.json"));
    assert_eq!(
        (unknown.kind, unknown.status),
        (TroubleKind::Other, HealthStatus::Unhealthy)
    );
}

#[test]
fn real_bookmarks_have_a_version() {
    let mut bookmarks = 0;
    for line in include_str!("../recorded/bookmarks.json").lines() {
        let change: Change<'_> = serde_json::from_str(line).unwrap();
        if change.kind == ChangeKind::Bookmark {
            let head: Head = serde_json::from_str(change.object.get()).unwrap();
            assert!(facts::version(&head.metadata.resource_version).unwrap() > 0);
            bookmarks += 1;
        }
    }
    assert!(bookmarks > 0);
}
