//! Plants what the API can show and change, and tells the tool what it is called: a made-up id finds nothing.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::caller::Caller;

/// How many of each there are. Trials end and remove what they find: with few, the rest of the time would find nothing.
const MANY: usize = 60;
const SOME: usize = 20;

/// What the log says before the server reads it: incidents of three kinds.
///
/// # Errors
/// When it cannot be written.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    let lines = |text: &dyn Fn(usize) -> String| (0..MANY).map(text).collect::<String>();
    let log = lines(&|at| format!("2026-11-30 service s{at} FATAL\n"))
        + &lines(&|at| format!("2026-11-30 disk d{at} is full\n"))
        + &lines(&|_| "2026-11-30 host cpu=97\n".to_owned());
    std::fs::create_dir_all(folder.join("touched"))?;
    std::fs::write(folder.join("app.log"), log)?;
    Ok(())
}

/// A dictionary of the tool: its name, what it holds, and where it is used.
#[derive(Debug)]
pub(super) struct Dictionary {
    pub(super) name: &'static str,
    pub(super) values: Vec<Value>,
    /// The operations, as a pattern of their paths, and the parameter. Without any, the hooks use it.
    pub(super) uses: &'static [(&'static str, &'static str)],
}

/// Plants, and says what there is. `caller` is who tries, and `gardener` who proposes and approves what another must.
///
/// # Errors
/// When the server does not do its part.
pub(super) fn plant(caller: &Caller, gardener: &Caller) -> Result<Vec<Dictionary>> {
    let all = [
        incidents(caller, gardener)?,
        credentials(caller)?,
        plans(caller, gardener)?,
        configured(),
    ];
    Ok(all.into_iter().flatten().collect())
}

/// What became of the log.
fn incidents(caller: &Caller, gardener: &Caller) -> Result<Vec<Dictionary>> {
    let incidents = caller.wait_for("/incidents?limit=500", ("incidents", "id"), 2 * MANY)?;
    let proposals = caller.wait_for("/approvals/pending?limit=500", ("requests", "id"), MANY)?;
    for id in proposals.iter().take(SOME) {
        let path = format!("/approvals/{}/approve", text(id)?);
        gardener.post(&path, &json!({}))?;
    }
    let executions = caller.wait_for("/executions?limit=500", ("executions", "id"), SOME)?;
    for id in incidents.iter().take(SOME) {
        let run = json!({ "runbookId": "by-hand", "incidentId": id });
        caller.post("/runs", &run)?;
    }
    let runs = caller.wait_for("/runs?limit=500", ("runs", "id"), SOME)?;
    Ok(vec![
        Dictionary {
            name: "incidents",
            values: incidents,
            uses: &[
                ("^/incidents/[{]id[}]", "path.id"),
                ("^/incidents/bulk$", "body.ids[*]"),
                ("^/approvals(/preview)?$", "body.incidentId"),
                ("^/runs$", "body.incidentId"),
            ],
        },
        Dictionary {
            name: "proposals",
            values: proposals,
            uses: &[("^/approvals/[{]id[}]", "path.id")],
        },
        Dictionary {
            name: "executions",
            values: executions,
            uses: &[("^/executions/[{]id[}]", "path.id")],
        },
        Dictionary {
            name: "runs",
            values: runs,
            uses: &[
                ("^/runs/[{]id[}](/[^/]*)?$", "path.id"),
                ("^/runs/[{]id[}]/steps/", "path.id"),
            ],
        },
        Dictionary {
            name: "steps",
            values: vec![json!(0), json!(1)],
            uses: &[("^/runs/[{]id[}]/steps/", "path.step")],
        },
    ])
}

/// Who may come in, and what they kept.
fn credentials(caller: &Caller) -> Result<Vec<Dictionary>> {
    let mut users = Vec::new();
    let (mut tokens, mut keys, mut views) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..SOME {
        let name = format!("user-{at}");
        let user = json!({ "name": name, "role": "viewer", "password": "correct horse battery" });
        users.push(caller.post("/users", &user)?["name"].clone());
        let token = json!({ "subject": name, "role": "viewer" });
        tokens.push(caller.post("/tokens", &token)?["token"]["jti"].clone());
        let key = json!({ "label": name, "role": "viewer" });
        keys.push(caller.post("/keys", &key)?["key"]["id"].clone());
        let view = json!({ "query": "severity=critical" });
        let path = format!("/views/view-{at}");
        views.push(caller.ask("PUT", &path, Some(&view))?["name"].clone());
    }
    Ok(vec![
        Dictionary {
            name: "users",
            values: users,
            uses: &[
                ("^/users/[{]name[}](/role)?$", "path.name"),
                ("^/users/[{]name[}]/password$", "path.name"),
            ],
        },
        words(
            "names",
            &["ann", "bea", "cleo", "dan"],
            &[("^/users$", "body.name")],
        ),
        words(
            "passwords",
            &["staple battery horse", "a password that nobody has"],
            &[],
        ),
        Dictionary {
            name: "tokens",
            values: tokens,
            uses: &[("^/tokens/[{]", "path.jti")],
        },
        Dictionary {
            name: "keys",
            values: keys,
            uses: &[("^/keys/", "path.id")],
        },
        Dictionary {
            name: "views",
            values: views,
            uses: &[("^/views/", "path.name")],
        },
    ])
}

/// What is meant to come, and what did not arrive.
fn plans(caller: &Caller, gardener: &Caller) -> Result<Vec<Dictionary>> {
    let (mut overrides, mut changes, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..SOME {
        let day = at + 1;
        let stand_in = json!({
            "schedule": "primary", "person": "olga",
            "from": format!("2099-01-{day:02}T08:00:00Z"), "until": format!("2099-01-{day:02}T09:00:00Z"),
        });
        let made = caller.post("/on-call/overrides", &stand_in)?;
        overrides.push(made["id"].clone());
        let change = json!({
            "detector": "detector.regex", "id": "disk-full", "reason": "It is not that bad",
            "rule": format!("id: disk-full\npattern: 'disk (\\S+) is full'\nseverity: info\ntitle: Disk {at}\n"),
        });
        let made = gardener.post("/rules/changes", &change)?;
        results.push(json!([made["id"], made["result"]]));
        changes.push(made["id"].clone());
    }
    let modules = caller.wait_for("/modules", ("modules", "id"), 1)?;
    let letters = caller.wait_for("/dead-letters?limit=500", ("deadLetters", "id"), 1)?;
    Ok(vec![
        Dictionary {
            name: "overrides",
            values: overrides,
            uses: &[("^/on-call/overrides/", "path.id")],
        },
        Dictionary {
            name: "changes",
            values: changes,
            uses: &[("^/rules/changes/[{]", "path.id")],
        },
        Dictionary {
            name: "results",
            values: results,
            uses: &[],
        },
        Dictionary {
            name: "modules",
            values: modules,
            uses: &[("^/modules/", "path.id")],
        },
        Dictionary {
            name: "letters",
            values: letters,
            uses: &[],
        },
    ])
}

/// What stands in the configuration.
fn configured() -> Vec<Dictionary> {
    vec![
        words("schedules", &["primary"], &[]),
        words("people", &["otto", "olga"], &[]),
        words("spans", &["45s", "30m", "1h"], &[]),
        words(
            "detectors",
            &["detector.regex"],
            &[("^/rules/text$", "query.detector")],
        ),
        words(
            "rules",
            &["service-failed", "disk-full"],
            &[
                ("^/rules/changes(/preview)?$", "body.id"),
                ("^/rules/(test|dry-run)$", "body.id"),
                ("^/rules/text$", "query.id"),
            ],
        ),
        words(
            "texts",
            &["id: oom\npattern: 'killed (\\d+)'\nseverity: critical\ntitle: Killed\n"],
            &[],
        ),
        words("actions", &["restart", "scale"], &[]),
        words(
            "runbooks",
            &["disk", "by-hand"],
            &[("^/runs$", "body.runbookId")],
        ),
    ]
}

/// A dictionary of what stands in the configuration, or is the tool's own to make.
fn words(
    name: &'static str,
    words: &[&str],
    uses: &'static [(&'static str, &'static str)],
) -> Dictionary {
    let values = words.iter().map(|word| json!(word)).collect();
    Dictionary { name, values, uses }
}

fn text(id: &Value) -> Result<&str> {
    id.as_str().context("an id that is no text")
}
