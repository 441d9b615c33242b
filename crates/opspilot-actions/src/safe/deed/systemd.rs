//! `systemd`: a unit is restarted, started or stopped.
//!
//! `systemctl` asks the service manager over D-Bus, which no sandbox of the `command` executor would let it reach. It is
//! run by the same runner with the same limits of time and output instead, and its arguments are ours but for the unit,
//! which comes from a list.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use opspilot_core::module::BuildError;
use opspilot_core::safety::catalogue::{ActionError, Effect, Outcome};

use super::command::{PATH, outcome};
use super::{Deed, Planned, Site, World, owned};
use crate::process::{Ended, Job, Limits};
use crate::safe::catalogue::{Systemd, SystemdVerb, Template, Values};

/// What the state of a unit is told by.
const PROPERTIES: &str = "--property=LoadState,ActiveState,MainPID,InvocationID";

/// How many seconds the state of a unit may take to be told.
const SHOW_SECONDS: u64 = 10;

/// Kinds of unit (`systemd.unit(5)`).
const KINDS: [&str; 11] = [
    "automount",
    "device",
    "mount",
    "path",
    "scope",
    "service",
    "slice",
    "socket",
    "swap",
    "target",
    "timer",
];

/// A unit of the catalogue.
#[derive(Debug)]
pub(crate) struct Unit {
    verb: SystemdVerb,
    unit: Template,
    timeout_seconds: u64,
}

impl Unit {
    /// Checks the options of `site`.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn parse(options: &Systemd, site: &Site<'_>) -> Result<Self, BuildError> {
        let unit = site.template("unit", &options.unit)?;
        let mut faults = Vec::new();
        if !(1..=600).contains(&options.timeout_seconds) {
            faults.push(site.fault("timeoutSeconds", "must be from 1 to 600"));
        }
        let fault = match (unit.only(), unit.is_fixed()) {
            (None, true) => check_unit(&options.unit),
            (Some(name), _) => match site.parameters.choices(name) {
                Some(units) => units.iter().find_map(|unit| check_unit(unit)),
                None => Some(format!(
                    "`{name}` must be a parameter of type `enum` that lists the units"
                )),
            },
            (None, false) => {
                Some("must be one unit's name, or one parameter and nothing else".to_owned())
            }
        };
        faults.extend(fault.map(|message| site.fault("unit", message)));
        BuildError::join(faults).map_or(
            Ok(Self {
                verb: options.verb,
                unit,
                timeout_seconds: options.timeout_seconds,
            }),
            Err,
        )
    }

    fn argv(&self, unit: String) -> Vec<String> {
        let fixed = ["--no-ask-password", "--no-pager", self.verb.as_str(), "--"];
        fixed.into_iter().map(str::to_owned).chain([unit]).collect()
    }
}

#[async_trait]
impl Deed for Unit {
    fn executor(&self) -> &'static str {
        "systemd"
    }

    fn names(&self) -> BTreeSet<String> {
        owned([&self.unit])
    }

    fn success(&self) -> &'static str {
        "systemctl ends with exit code 0"
    }

    fn plan(&self, values: &Values) -> Result<Planned, Vec<String>> {
        let unit = self.unit.render(values);
        let mut argv = vec!["systemctl".to_owned()];
        argv.extend(self.argv(unit.clone()));
        Ok(Planned {
            touches: vec![format!(
                "{} of unit {unit}, and of the units that depend on it",
                self.verb.as_str()
            )],
            target: format!("unit {unit}"),
            effect: Effect::Command {
                argv,
                folder: None,
                user: None,
            },
            limits: vec![
                "no sandbox: systemctl must reach the service manager".to_owned(),
                format!(
                    "time: {} s; the service manager may go on with its job after that",
                    self.timeout_seconds
                ),
            ],
        })
    }

    async fn observe(&self, values: &Values, world: &World) -> Result<Option<String>, ActionError> {
        let unit = self.unit.render(values);
        let arguments = ["--no-pager", "show", PROPERTIES, "--", &unit];
        let ended = systemctl(world, arguments.map(str::to_owned).to_vec(), SHOW_SECONDS).await;
        if !ended.succeeded() {
            let outcome = outcome(ended);
            return Err(ActionError(format!(
                "cannot see unit {unit}: {}: {}",
                outcome.summary,
                outcome.output.trim()
            )));
        }
        let mut lines: Vec<_> = ended.stdout.text.lines().collect();
        if lines.contains(&"LoadState=not-found") {
            return Err(ActionError(format!("there is no unit {unit}")));
        }
        lines.sort_unstable();
        Ok(Some(lines.join(" ")))
    }

    async fn perform(&self, values: &Values, world: &World) -> Outcome {
        let arguments = self.argv(self.unit.render(values));
        outcome(systemctl(world, arguments, self.timeout_seconds).await)
    }
}

async fn systemctl(world: &World, arguments: Vec<String>, seconds: u64) -> Ended {
    let mut argv = vec![world.systemctl.display().to_string()];
    argv.extend(arguments);
    let environment = [("PATH", PATH), ("LANG", "C"), ("SYSTEMD_COLORS", "0")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let job = Job {
        argv,
        folder: "/".to_owned(),
        environment: BTreeMap::from(environment),
        timeout_ms: seconds * 1_000,
        account: None,
        allow_root: true,
        confinement: None,
        limits: Limits {
            cpu_seconds: 60,
            memory_bytes: 4 << 30,
            file_bytes: 1 << 20,
            open_files: 1_024,
            processes: 64,
        },
    };
    world.runner.run(job).await
}

/// What is wrong with the name of a unit. Patterns, which would mean several units, are not names.
fn check_unit(unit: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    let kind = unit
        .rsplit_once('.')
        .filter(|(name, _)| !name.is_empty())
        .map(|(_, kind)| kind);
    let is_unit = kind.is_some_and(|kind| KINDS.contains(&kind))
        && unit.len() <= 255
        && !unit.starts_with('-')
        && unit.chars().all(is_allowed);
    (!is_unit).then(|| {
        format!(
            "`{}` is not the whole name of a unit, such as `nginx.service`",
            unit.escape_debug()
        )
    })
}

impl SystemdVerb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }
}

#[cfg(test)]
mod tests;
