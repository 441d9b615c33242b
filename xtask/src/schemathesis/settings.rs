//! `schemathesis.toml`: what the tool is told beyond its arguments.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::garden::Dictionary;

/// What the tool does with requests and answers.
const HOOKS: &str = include_str!("hooks.py");

/// A request with too many of something may also be too large to be looked at: that is a refusal as well. One that fits
/// the document is not wrong (400) and of no wrong kind, but may come too late, or say what cannot be done (RFC 9110,
/// section 15.5.21). That no answer is a fault of the server (500) is another check.
const CHECKS: &str = "[checks]\nnegative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, \
                      413, 415, 422, 429]\npositive_data_acceptance.expected-statuses = [\"2xx\", \"3xx\", 401, 403, \
                      404, 409, 410, 412, 422, 429, \"5xx\"]\n";

/// How often what was planted is taken, where it can be. The rest is made up.
const OFTEN: f64 = 0.8;

/// Writes the settings, with what was planted.
///
/// # Errors
/// When they cannot be written.
pub(super) fn write(folder: &Path, planted: &[Dictionary]) -> Result<()> {
    std::fs::write(folder.join("hooks.py"), HOOKS)?;
    let all: Map<_, _> = planted
        .iter()
        .map(|one| (one.name.to_owned(), json!(one.values)))
        .collect();
    std::fs::write(folder.join("planted.json"), Value::from(all).to_string())?;
    let bound: Vec<_> = planted.iter().filter(|one| !one.uses.is_empty()).collect();
    std::fs::write(folder.join("schemathesis.toml"), text(&bound)?)?;
    Ok(())
}

fn text(planted: &[&Dictionary]) -> Result<String> {
    let mut text = format!("hooks = \"hooks\"\nmax-redirects = 0\n\n{CHECKS}");
    for dictionary in planted {
        let (name, values) = (dictionary.name, json!(dictionary.values));
        write!(text, "\n[dictionaries.{name}]\nvalues = {values}\n")?;
    }
    for (path, parameters) in by_path(planted) {
        write!(text, "\n[[operations]]\ninclude-path-regex = '{path}'\n")?;
        for (parameter, name) in parameters {
            writeln!(
                text,
                "parameters.\"{parameter}\" = {{ dictionary = \"{name}\", probability = {OFTEN} }}"
            )?;
        }
    }
    Ok(text)
}

/// A path with the parameters that have a dictionary, and its name.
type Use = (&'static str, Vec<(&'static str, &'static str)>);

/// What is used where. The tool takes one part alone for each operation, the first that fits: what is used at the same
/// pattern stands together, and patterns exclude each other.
fn by_path(planted: &[&Dictionary]) -> Vec<Use> {
    let mut all: Vec<Use> = Vec::new();
    for dictionary in planted {
        for (path, parameter) in dictionary.uses {
            let one = (*parameter, dictionary.name);
            match all.iter_mut().find(|(known, _)| known == path) {
                Some((_, parameters)) => parameters.push(one),
                None => all.push((path, vec![one])),
            }
        }
    }
    all
}
