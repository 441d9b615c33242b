//! The program `journalctl`, which follows the journal: the only place of this crate that starts a process.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use opspilot_core::module::HealthStatus;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use super::config::Config;
use super::entry::FIELDS;
use super::export::Export;
use super::filter::Filter;
use super::source::{From, Trouble};

/// How much of what the program says of itself is kept, in bytes.
const SAID: usize = 4096;

/// How long a program that closed its output may take to end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The size of the pipe, where the kernel allows it, in bytes.
const PIPE: usize = 1 << 20;

/// How many bytes one read may bring at least.
const PIECE: usize = 256 << 10;

/// A program that is running. It is killed when this is dropped, and ends by itself when nobody reads its output.
#[derive(Debug)]
pub(super) struct Journalctl {
    path: String,
    child: Child,
    output: ChildStdout,
    errors: Option<ChildStderr>,
    said: Vec<u8>,
    /// What it wrote last.
    written: Vec<u8>,
    export: Export,
}

impl Journalctl {
    /// Starts the program.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the journal's own reader, with fixed arguments and no power to change anything"
    )]
    pub(super) fn start(config: &Config, filter: &Filter, from: &From) -> Result<Self, Trouble> {
        let path = &config.journalctl_path;
        let mut command = Command::new(path);
        command
            .args(arguments(config, filter, from))
            .env_clear()
            // Its messages are looked for words; its times are not used.
            .env("LC_ALL", "C")
            .env("SYSTEMD_COLORS", "0")
            .env("SYSTEMD_PAGER", "")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| not_started(path, &error))?;
        let (Some(output), errors) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Trouble::ended(format!("`{path}` has no output")));
        };
        // A smaller pipe works as well.
        rustix::pipe::fcntl_setpipe_size(&output, PIPE).ok();
        Ok(Self {
            path: path.clone(),
            child,
            output,
            errors,
            said: Vec::new(),
            written: Vec::new(),
            export: Export::new(config.max_message_length),
        })
    }

    /// Adds lines for the entries that there are to `lines`; 0 means that it is at its end.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn read(&mut self, lines: &mut Vec<u8>) -> io::Result<usize> {
        let before = lines.len();
        while lines.len() == before && self.read_output().await? > 0 {
            self.export.read(&self.written, lines);
        }
        Ok(lines.len() - before)
    }

    /// Reads what it wrote; 0 means that it is at its end.
    async fn read_output(&mut self) -> io::Result<usize> {
        self.written.clear();
        loop {
            self.written.reserve(PIECE);
            let Some(errors) = &mut self.errors else {
                return self.output.read_buf(&mut self.written).await;
            };
            let mut words = [0; 512];
            tokio::select! {
                read = self.output.read_buf(&mut self.written) => return read,
                count = errors.read(&mut words) => match count {
                    Ok(0) | Err(_) => self.errors = None,
                    Ok(count) => {
                        self.said.extend_from_slice(words.get(..count).unwrap_or_default());
                        let over = self.said.len().saturating_sub(SAID);
                        self.said.drain(..over);
                    }
                },
            }
        }
    }

    /// What it complains of while it runs.
    pub(super) fn complaint(&self) -> Option<Trouble> {
        let said = String::from_utf8_lossy(&self.said);
        said.contains("not seeing messages from other users")
            .then(|| Trouble::denied(HealthStatus::Degraded))
    }

    /// Why it ended. It is killed if it lingers.
    pub(super) async fn end(mut self) -> Trouble {
        let status = tokio::time::timeout(LAST_WORDS, async {
            if let Some(errors) = &mut self.errors {
                let mut rest = Vec::new();
                errors.take(SAID as u64).read_to_end(&mut rest).await.ok();
                self.said.extend(rest);
            }
            self.child.wait().await
        });
        let status = match status.await {
            Ok(Ok(status)) => told(status),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its output closed".to_owned(),
        };
        let said = String::from_utf8_lossy(&self.said);
        if said.contains("insufficient permissions") || said.contains("Permission denied") {
            return Trouble::denied(HealthStatus::Unhealthy);
        }
        if said.contains("seek to cursor") {
            return Trouble::cursor(said.trim());
        }
        let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let colon = if said.is_empty() { "" } else { ": " };
        Trouble::ended(format!("`{}` ended ({status}){colon}{said}", self.path))
    }
}

fn told(status: ExitStatus) -> String {
    status.to_string()
}

fn not_started(path: &str, error: &io::Error) -> Trouble {
    if error.kind() == io::ErrorKind::NotFound {
        return Trouble::missing(format!(
            "`{path}` does not exist: install systemd, set `journalctlPath`, or switch `connector.journald` off"
        ));
    }
    Trouble::missing(format!("cannot start `{path}`: {error}"))
}

/// The arguments. None of them is made of what the journal says, but for a cursor that was checked.
fn arguments(config: &Config, filter: &Filter, from: &From) -> Vec<String> {
    let mut arguments = vec![
        "--output=export".to_owned(),
        "--all".to_owned(),
        "--no-pager".to_owned(),
        "--follow".to_owned(),
        format!("--output-fields={}", FIELDS.join(",")),
    ];
    match from {
        // The entry under the cursor comes again: it shows that nothing is missing behind it. `--after-cursor` passes
        // over the next entry where that one is gone.
        From::Cursor(cursor) => {
            arguments.push("--no-tail".to_owned());
            arguments.push(format!("--cursor={cursor}"));
        }
        From::Boot => {
            arguments.push("--no-tail".to_owned());
            arguments.push("--boot".to_owned());
        }
        // The last entry shows where the end is.
        From::End => arguments.push("--lines=1".to_owned()),
    }
    if !config.namespace.is_empty() {
        arguments.push(format!("--namespace={}", config.namespace));
    }
    if !config.directory.is_empty() {
        arguments.push(format!("--directory={}", config.directory));
    }
    arguments.extend(filter.units.iter().map(|unit| format!("--unit={unit}")));
    arguments.push("--".to_owned());
    arguments.extend(filter.matches.iter().cloned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_say_what_is_wanted_and_from_where() {
        let yaml = "{backend: journalctl, units: [nginx], priorities: [0, 3], matches: [_UID=0], namespace: web}";
        let config: Config = serde_saphyr::from_str(yaml).unwrap();
        let filter = config.check().unwrap();
        let line = |from| arguments(&config, &filter, &from)[5..].join(" ");
        let rest = "--namespace=web --unit=nginx.service -- _UID=0 PRIORITY=0 PRIORITY=3";
        assert_eq!(
            line(From::Cursor("s=1".to_owned())),
            format!("--no-tail --cursor=s=1 {rest}")
        );
        assert_eq!(line(From::Boot), format!("--no-tail --boot {rest}"));
        assert_eq!(line(From::End), format!("--lines=1 {rest}"));
    }
}
