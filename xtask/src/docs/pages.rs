//! One function per page. A field the server does not print leaves a cell empty.

use serde_json::Value;

use super::markdown::{code, codes, page, table};
use super::schema::{object, options};
use crate::workspace::{strings, text};

pub(super) fn index() -> String {
    let pages = [
        ("modules.md", "Modules and their options"),
        ("configuration.md", "Keys of the configuration file"),
        ("variables.md", "Environment variables"),
        ("events.md", "Events"),
        ("metrics.md", "Metrics"),
        ("http-api.md", "HTTP API"),
        ("openapi.json", "HTTP API as an OpenAPI 3.1 document"),
        ("command-line.md", "Command line"),
        ("exit-codes.md", "Exit codes"),
    ];
    let lines = pages.map(|(file, title)| format!("- [{title}]({file})"));
    page(
        "Reference",
        "Written from the program itself.",
        &lines.join("\n"),
    )
}

pub(super) fn modules(data: &Value) -> String {
    let mut body = table(
        ["Module", "Category", "On by default", "Purpose"],
        &rows(data, |module| {
            let is_on = module
                .get("enabledByDefault")
                .and_then(Value::as_bool)
                .unwrap_or_default();
            let id = text(module, "id");
            let link = format!("[`{id}`](#{})", anchor(&id));
            [
                link,
                text(module, "category"),
                if is_on { "yes" } else { "no" }.to_owned(),
                text(module, "description"),
            ]
        }),
    );
    for module in data.as_array().into_iter().flatten() {
        body.push_str(&one_module(module));
    }
    page(
        "Modules",
        "Each is configured under `modules`, by its id.",
        &body,
    )
}

fn one_module(module: &Value) -> String {
    let names = |key: &str| codes(&module.get(key).map(strings).unwrap_or_default());
    let schema = module.get("options").unwrap_or(&Value::Null);
    let keys = match options(schema, schema) {
        none if none.is_empty() => "No options.\n".to_owned(),
        keys => keys,
    };
    format!(
        "\n## {}\n\n{}\n\nVersion {}. Depends on: {}. Consumes: {}. Emits: {}.\n\n{keys}",
        text(module, "id"),
        text(module, "description"),
        text(module, "version"),
        names("dependencies"),
        names("consumes"),
        names("emits"),
    )
}

/// The fragment that the usual renderers give a heading.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace('.', "")
}

pub(super) fn configuration(schema: &Value) -> String {
    let about = "`.*` stands for a key of your choice, `[]` for each entry of a list. \
                 Options of the modules are on [a page of their own](modules.md).";
    let mut schema = schema.clone();
    // Their keys would fill this page too.
    let modules = schema
        .pointer_mut("/properties/modules")
        .and_then(Value::as_object_mut);
    if let Some(modules) = modules {
        modules.retain(|key, _| key == "description");
        modules.insert("type".to_owned(), Value::from("object"));
    }
    page("Configuration file", about, &options(&schema, &schema))
}

pub(super) fn variables(data: &Value) -> String {
    let body = table(
        ["Variable", "Key", "Meaning"],
        &rows(data, |variable| {
            let [name, key] = ["name", "key"].map(|field| code(&text(variable, field)));
            [name, key, text(variable, "description")]
        }),
    );
    page(
        "Environment variables",
        "A variable wins over the file.",
        &body,
    )
}

pub(super) fn events(document: &Value) -> String {
    let mut body = String::new();
    for (name, schema) in object(document, "properties") {
        let definition = text(schema, "$ref");
        let definition = definition
            .strip_prefix('#')
            .and_then(|path| document.pointer(path));
        let about = definition
            .map(|shape| text(shape, "description"))
            .filter(|about| !about.is_empty());
        let about = about.unwrap_or_else(|| text(schema, "description"));
        body.push_str(&format_event(name, &about, &options(document, schema)));
    }
    page(
        "Events",
        "The payload of each type as it is written on the wire.",
        &body,
    )
}

fn format_event(name: &str, about: &str, keys: &str) -> String {
    format!("\n## {name}\n\n{about}\n\n{keys}")
}

pub(super) fn metrics(data: &Value) -> String {
    let body = table(
        ["Metric", "Type", "Labels", "Meaning"],
        &rows(data, |metric| {
            let labels = metric.get("labels").map(strings).unwrap_or_default();
            [
                code(&text(metric, "name")),
                text(metric, "type"),
                codes(&labels),
                text(metric, "help"),
            ]
        }),
    );
    page(
        "Metrics",
        "At `/api/metrics`, in the Prometheus text format.",
        &body,
    )
}

pub(super) fn routes(data: &Value) -> String {
    let body = table(
        ["Method", "Path", "Role", "Callers", "What it does"],
        &rows(data, |route| {
            let kinds = route.get("kinds").map(strings).unwrap_or_default();
            [
                text(route, "method"),
                code(&text(route, "path")),
                text(route, "role"),
                kinds.join(", "),
                text(route, "summary"),
            ]
        }),
    );
    page(
        "HTTP API",
        "Errors are `application/problem+json` (RFC 9457). Credentials are asked for where `auth.enabled` says so: `anyone` \
         needs none, `public` needs none where `auth.publicPaths` names the route, and any other role includes those \
         before it.",
        &body,
    )
}

fn rows<const N: usize>(data: &Value, row: impl Fn(&Value) -> [String; N]) -> Vec<[String; N]> {
    data.as_array().into_iter().flatten().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(page: &str, lines: &[&str]) {
        for line in lines {
            assert!(
                page.lines().any(|other| other == *line),
                "no line `{line}` in:\n{page}"
            );
        }
    }

    #[test]
    fn a_module_has_a_row_and_a_section() {
        let modules_page = modules(&json!([{
            "id": "detector.regex", "version": "1.0.0", "category": "detector", "description": "Finds.",
            "consumes": ["log.ingested"], "emits": ["incident.created"], "enabledByDefault": true,
            "options": {"properties": {"rules": {"type": "array", "items": {"type": "string"}}}},
        }, {"id": "bare"}]));
        check(
            &modules_page,
            &[
                "| [`detector.regex`](#detectorregex) | detector | yes | Finds. |",
                "## detector.regex",
                "Version 1.0.0. Depends on: –. Consumes: `log.ingested`. Emits: `incident.created`.",
                "| `rules` | list of string |  |  |",
                "| [`bare`](#bare) |  | no |  |",
                "No options.",
            ],
        );
    }

    #[test]
    fn events_follow_their_definition() {
        let page = events(&json!({
            "properties": {"incident.created": {"$ref": "#/$defs/IncidentCreated"}},
            "$defs": {"IncidentCreated": {
                "description": "An incident began.", "properties": {"title": {"type": "string"}},
            }},
        }));
        check(
            &page,
            &[
                "## incident.created",
                "An incident began.",
                "| `title` | string |  |  |",
            ],
        );
    }

    #[test]
    fn lists_become_tables_and_missing_fields_empty_cells() {
        let page = variables(&json!([{"name": "OPSPILOT_LOG", "description": "Level."}]));
        check(&page, &["| `OPSPILOT_LOG` |  | Level. |"]);
        let page = metrics(
            &json!([{"name": "m", "type": "counter", "labels": ["module"], "help": "Count."}]),
        );
        check(&page, &["| `m` | counter | `module` | Count. |"]);
        let page = routes(&json!([{"method": "GET", "path": "/api/livez", "summary": "Alive."}]));
        check(&page, &["| GET | `/api/livez` |  |  | Alive. |"]);
        assert_eq!(routes(&Value::Null).lines().count(), 5);
    }

    #[test]
    fn options_of_modules_are_not_repeated_with_the_file() {
        let page = configuration(&json!({"properties": {
            "modules": {"description": "All.", "properties": {"detector.regex": {}}},
        }}));
        check(&page, &["| `modules` | object |  | All. |"]);
        assert!(!page.contains("detector.regex"));
    }
}
