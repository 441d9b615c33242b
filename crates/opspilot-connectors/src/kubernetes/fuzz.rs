//! Any bytes as answers of a cluster's API.

use opspilot_core::testing::fuzz::Target;
use serde_json::value::RawValue;

use super::config::Config;
use super::facts;
use super::kind::Kind;
use super::logs::text::{Line, Text};
use super::wire::{Change, Page, Status};

/// Objects, alone, in a watch and in a list: their facts are told as lines. The first byte says of which kind.
pub(crate) const OBJECTS: Target = Target {
    name: "kubernetes_objects",
    seeds: &[
        b"0{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"e\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"7\"},\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\",\"namespace\":\"n\"},\"reason\":\"BackOff\",\"message\":\"Back-off\\nrestarting\",\"type\":\"Warning\",\"count\":3,\"source\":{\"component\":\"kubelet\"}}}",
        b"1{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"8\"},\"status\":{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"containerStatuses\":[{\"name\":\"c\",\"containerID\":\"x\",\"restartCount\":2,\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}},\"lastState\":{\"terminated\":{\"reason\":\"OOMKilled\",\"exitCode\":137,\"finishedAt\":\"2026-02-20T12:00:00Z\"}}}]}}",
        b"2{\"metadata\":{\"name\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"9\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"KubeletNotReady\",\"message\":\"m\",\"lastTransitionTime\":\"2026-02-20T12:00:00Z\"},{\"type\":\"DiskPressure\",\"status\":\"True\"}]}}",
        b"3{\"metadata\":{\"resourceVersion\":\"10\",\"continue\":\"c\"},\"items\":[{\"metadata\":{\"name\":\"d\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"1\",\"generation\":2},\"spec\":{\"replicas\":3},\"status\":{\"unavailableReplicas\":1,\"conditions\":[{\"type\":\"Progressing\",\"status\":\"False\",\"reason\":\"ProgressDeadlineExceeded\"}]}}]}",
        b"0{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\",\"message\":\"too old\",\"details\":{\"causes\":[{\"reason\":\"x\"}]}}",
    ],
    run: objects,
};

/// Logs of containers: lines do not depend on the pieces in which they come. The first byte says how large they are.
pub(crate) const LOGS: Target = Target {
    name: "kubernetes_logs",
    seeds: &[
        b"\x052026-02-20T12:00:00.123456789Z one\n2026-02-20T12:00:00Z \n2026-02-20T13:00:00.5+01:00 \xff two\nunable to retrieve\n",
        b"\xff2554-07-21T23:34:33.999999999Z the last second\n1969-12-31T23:59:59.5Z before\n",
    ],
    run: logs,
};

fn objects(bytes: &[u8]) {
    let Some((way, json)) = bytes.split_first() else {
        return;
    };
    let kind = Kind::ALL[usize::from(way & 3)];
    if let Ok(change) = serde_json::from_slice::<Change<'_>>(json) {
        object(kind, change.object);
    }
    if let Ok(page) = serde_json::from_slice::<Page<'_>>(json) {
        for item in page.items.unwrap_or_default() {
            object(kind, item);
        }
    }
    drop(serde_json::from_slice::<Status>(json));
    if let Ok(whole) = serde_json::from_slice::<&RawValue>(json) {
        object(kind, whole);
    }
}

fn object(kind: Kind, object: &RawValue) {
    let Ok(seen) = facts::read(kind, object, &Config::default().severities()) else {
        return;
    };
    for fact in seen.facts {
        assert!(fact.line.starts_with("[K8S_"), "{:?}", fact.line);
    }
}

fn logs(bytes: &[u8]) {
    let Some((size, log)) = bytes.split_first() else {
        return;
    };
    let lines = read(log, usize::from(*size).max(1));
    assert_eq!(lines, read(log, log.len().max(1)));
    for line in &lines {
        if let Some(line) = Line::parse(line) {
            let _ = line.hash();
        }
    }
}

fn read(log: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut text = Text::default();
    let pieces = log.chunks(size);
    let mut lines: Vec<_> = pieces
        .flat_map(|piece| text.take(&mut piece.to_vec()))
        .collect();
    lines.extend(text.rest());
    lines
}
