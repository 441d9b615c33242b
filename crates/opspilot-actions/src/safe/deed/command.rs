//! `command`: a program is started, without a shell, in a sandbox.

mod argv;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use async_trait::async_trait;
use opspilot_core::module::BuildError;
use opspilot_core::safety::catalogue::{ActionError, Effect, Outcome};

use self::argv::Argv;
use super::{Deed, Planned, Site, World, account, owned};
use crate::process::{Confinement, Ended, How, Job, Limits};
use crate::safe::catalogue::{Command, Values};

/// Where programs look for programs.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program of the catalogue.
#[derive(Debug)]
pub(crate) struct Program {
    argv: Argv,
    dry_run: Option<Argv>,
    options: Command,
}

impl Program {
    /// Checks the options of `site`.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn parse(options: &Command, site: &Site<'_>) -> Result<Self, BuildError> {
        let mut faults = Vec::new();
        let argv = Argv::parse("argv", &options.argv, site).map_err(|fault| faults.push(fault));
        let dry_run = options
            .dry_run
            .as_ref()
            .map(|argv| Argv::parse("dryRun", argv, site));
        let dry_run = dry_run.transpose().map_err(|fault| faults.push(fault));
        faults.extend(check_paths(options, site));
        faults.extend(check_environment(options, site));
        faults.extend(check_numbers(options, site));
        if options.user.as_deref().is_some_and(str::is_empty) {
            faults.push(site.fault("user", "must be a user's name or number"));
        }
        match (BuildError::join(faults), argv, dry_run) {
            (None, Ok(argv), Ok(dry_run)) => Ok(Self {
                argv,
                dry_run,
                options: options.clone(),
            }),
            (fault, ..) => Err(fault.unwrap_or_else(|| site.fault("argv", "cannot be used"))),
        }
    }

    /// Runs the program and says how it ended.
    pub(crate) async fn run(&self, values: &Values, world: &World) -> Ended {
        self.run_as(&self.argv, values, world).await
    }

    async fn run_as(&self, argv: &Argv, values: &Values, world: &World) -> Ended {
        match self.job(argv, values) {
            Ok(job) => world.runner.run(job).await,
            Err(reason) => Ended::silent(How::Refused(reason)),
        }
    }

    fn job(&self, argv: &Argv, values: &Values) -> Result<Job, String> {
        let options = &self.options;
        let account = options.user.as_deref().map(account::find).transpose()?;
        let mut environment = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
        environment.extend(options.env.clone());
        Ok(Job {
            argv: argv.render(values).map_err(|faults| faults.join("; "))?,
            folder: self.folder().to_owned(),
            environment,
            timeout_ms: options.timeout_seconds * 1_000,
            account,
            allow_root: options.allow_root,
            confinement: Some(Confinement {
                is_required: options.sandbox.required,
                readable: options.readable_paths.clone(),
                writable: self.writable().map(str::to_owned).collect(),
                has_network: options.network,
            }),
            limits: Limits {
                cpu_seconds: options.limits.cpu_seconds,
                memory_bytes: options.limits.memory_mib << 20,
                file_bytes: options.limits.file_mib << 20,
                open_files: options.limits.open_files,
                processes: options.limits.processes,
            },
        })
    }

    fn folder(&self) -> &str {
        self.options.folder.as_deref().unwrap_or("/")
    }

    fn writable(&self) -> impl Iterator<Item = &str> {
        let options = &self.options;
        options
            .folder
            .iter()
            .chain(&options.writable_paths)
            .map(String::as_str)
    }

    fn touches(&self) -> Vec<String> {
        let mut touches: Vec<_> = self
            .writable()
            .map(|path| format!("may change {path}"))
            .collect();
        let readable = self.options.readable_paths.iter();
        touches.extend(readable.map(|path| format!("may read {path}")));
        if self.options.network {
            touches.push("may use the network: any host".to_owned());
        }
        touches
    }

    fn limits(&self) -> Vec<String> {
        let Command { limits, .. } = &self.options;
        let mut lines = vec![
            match (self.options.sandbox.required, self.options.network) {
                (true, false) => "sandbox: landlock and seccomp, no network".to_owned(),
                (true, true) => "sandbox: landlock and seccomp, with network".to_owned(),
                (false, _) => "sandbox: NOT required: where the kernel has no landlock, every file of its user \
                               is within its reach"
                    .to_owned(),
            },
            match &self.options.user {
                Some(user) => format!("user: {user}"),
                None => "user: the server's".to_owned(),
            },
            format!("time: {} s, then it and all that it started are killed", self.options.timeout_seconds),
            format!(
                "limits: {} s of processor, {} MiB of memory, files of {} MiB, {} open files, {} processes",
                limits.cpu_seconds, limits.memory_mib, limits.file_mib, limits.open_files, limits.processes
            ),
        ];
        if self.options.allow_root {
            lines.push("root: ALLOWED".to_owned());
        }
        if !self.options.env.is_empty() {
            let names: Vec<_> = self.options.env.keys().map(String::as_str).collect();
            lines.push(format!("environment: PATH, {}", names.join(", ")));
        }
        lines
    }
}

#[async_trait]
impl Deed for Program {
    fn executor(&self) -> &'static str {
        "command"
    }

    fn names(&self) -> BTreeSet<String> {
        owned(self.argv.templates())
    }

    fn success(&self) -> &'static str {
        "exit code 0"
    }

    fn plan(&self, values: &Values) -> Result<Planned, Vec<String>> {
        let argv = self.argv.render(values)?;
        if let Some(dry_run) = &self.dry_run {
            dry_run.render(values)?;
        }
        Ok(Planned {
            target: format!("program {}", argv.first().map_or("", String::as_str)),
            effect: Effect::Command {
                argv,
                folder: Some(self.folder().to_owned()),
                user: self.options.user.clone(),
            },
            touches: self.touches(),
            limits: self.limits(),
        })
    }

    async fn dry_run(&self, values: &Values, world: &World) -> Result<Option<String>, ActionError> {
        let Some(argv) = &self.dry_run else {
            return Ok(None);
        };
        let ended = self.run_as(argv, values, world).await;
        let outcome = outcome(ended);
        if outcome.succeeded {
            return Ok(Some(outcome.output));
        }
        Err(ActionError(format!(
            "the dry run failed: {}: {}",
            outcome.summary, outcome.output
        )))
    }

    async fn perform(&self, values: &Values, world: &World) -> Outcome {
        outcome(self.run(values, world).await)
    }
}

/// What a person is told of a run.
pub(crate) fn outcome(ended: Ended) -> Outcome {
    let succeeded = ended.succeeded();
    let dropped = ended.stdout.dropped + ended.stderr.dropped;
    let mut output = ended.stdout.text;
    if !ended.stderr.text.is_empty() {
        if !output.is_empty() {
            output.push_str("\n--- standard error ---\n");
        }
        output.push_str(&ended.stderr.text);
    }
    let summary = match dropped {
        0 => ended.how.to_string(),
        dropped => format!("{}, {dropped} bytes of output not kept", ended.how),
    };
    Outcome {
        succeeded,
        summary,
        output,
        truncated: dropped > 0,
    }
}

/// True if `path` is absolute and leads where it says.
pub(crate) fn is_plain_path(path: &str) -> bool {
    let parts = Path::new(path).components();
    path.starts_with('/')
        && !path.chars().any(char::is_control)
        && parts
            .skip(1)
            .all(|part| matches!(part, Component::Normal(_)))
}

fn check_paths(options: &Command, site: &Site<'_>) -> Vec<BuildError> {
    let message = "must be an absolute path without `..`";
    let mut faults = Vec::new();
    if options
        .folder
        .as_deref()
        .is_some_and(|path| !is_plain_path(path) || path == "/")
    {
        faults.push(site.fault(
            "folder",
            "must be an absolute path without `..`, and not `/`",
        ));
    }
    for (key, paths) in [
        ("readablePaths", &options.readable_paths),
        ("writablePaths", &options.writable_paths),
    ] {
        for (at, _) in paths
            .iter()
            .enumerate()
            .filter(|(_, path)| !is_plain_path(path))
        {
            faults.push(BuildError::option(
                site.path.with_key(key).with_index(at),
                message,
            ));
        }
    }
    faults
}

fn check_environment(options: &Command, site: &Site<'_>) -> Vec<BuildError> {
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let wrong = options.env.iter().filter_map(|(name, value)| {
        // They would load code into the program, or find it another one.
        let leads_astray = name.starts_with("LD_") || name == "PATH";
        let message = if !is_name(name) || leads_astray {
            "cannot be set"
        } else if value.contains('\0') {
            "must not hold a zero byte"
        } else {
            return None;
        };
        Some(BuildError::option(
            site.path.with_key("env").with_key(name),
            message,
        ))
    });
    wrong.collect()
}

fn check_numbers(options: &Command, site: &Site<'_>) -> Vec<BuildError> {
    let Command { limits, .. } = options;
    let path = site.path.with_key("limits");
    let checks = [
        (
            site.path.with_key("timeoutSeconds"),
            options.timeout_seconds,
            1,
            3_600,
        ),
        (path.with_key("cpuSeconds"), limits.cpu_seconds, 1, u64::MAX),
        (path.with_key("memoryMiB"), limits.memory_mib, 16, 1 << 20),
        (path.with_key("fileMiB"), limits.file_mib, 0, 1 << 20),
        (path.with_key("openFiles"), limits.open_files, 8, 65_536),
        (path.with_key("processes"), limits.processes, 1, 4_096),
    ];
    let wrong = checks
        .into_iter()
        .filter(|(_, value, min, max)| !(min..=max).contains(&value));
    wrong
        .map(|(path, _, min, max)| BuildError::option(path, format!("must be from {min} to {max}")))
        .collect()
}
