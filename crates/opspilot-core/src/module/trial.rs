//! Trials: what `opspilot-server check --online` does once with everything a module reaches, without starting it.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Tasks;
use crate::clock::Clock;
use crate::error::escape;

/// How long one trial may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What came of looking: nothing or a note, or else what is wrong and the way out of it. Neither holds a secret.
pub type Found = Result<Option<String>, String>;

/// What a module may use to try what it is configured to reach. There is no storage and no bus: a trial changes nothing.
#[derive(Debug, Clone)]
pub struct TrialContext {
    /// The module's id.
    pub id: &'static str,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// For work that blocks.
    pub tasks: Tasks,
    /// How long one trial may take.
    pub limit: Duration,
    /// True if a server that runs this configuration has the module at work now.
    pub is_running: bool,
    /// True if whoever asks does so over the network: then link-local addresses and those of metadata are not asked,
    /// whatever the options allow, and the answer tells nothing of what was read from others.
    pub is_remote: bool,
}

/// How one thing was that a module is configured to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// What was tried: a path, an address, a channel. It holds no secret.
    pub name: String,
    /// What is wrong and the way out of it; `None` when all is well.
    pub fault: Option<String>,
    /// What is worth to know although it is no fault.
    pub note: Option<String>,
}

impl TrialContext {
    /// The context of the module `id`, whose trials may take 10 seconds each.
    #[must_use]
    pub fn new(id: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self {
            id,
            clock,
            tasks: Tasks::of(id),
            limit: LIMIT,
            is_running: false,
            is_remote: false,
        }
    }

    /// What a refusal to listen at an address comes to: `fault`, unless the address is taken and a server that runs this
    /// configuration is the one that has it.
    ///
    /// # Errors
    /// With `fault`.
    pub fn unless_own(&self, error: &(dyn Error + 'static), fault: String) -> Found {
        let mut causes = std::iter::successors(Some(error), |error| (*error).source());
        let is_taken = causes.any(|cause| {
            let refusal = cause.downcast_ref::<io::Error>();
            refusal.is_some_and(|refusal| refusal.kind() == io::ErrorKind::AddrInUse)
        });
        if is_taken && self.is_running {
            let note = "the OpsPilot that runs with this configuration listens there";
            return Ok(Some(note.to_owned()));
        }
        Err(fault)
    }

    /// Tries the thing called `name`, for [`TrialContext::limit`] at most.
    pub async fn attempt(
        &self,
        name: impl Into<String>,
        work: impl Future<Output = Found>,
    ) -> Trial {
        let found = tokio::time::timeout(self.limit, work).await;
        Trial::of(name, found.unwrap_or_else(|_| Err(self.too_late())))
    }

    /// Tries the thing called `name` with work that blocks. Work that takes too long is left alone.
    pub async fn attempt_blocking(
        &self,
        name: impl Into<String>,
        work: impl FnOnce() -> Found + Send + 'static,
    ) -> Trial {
        let work = async { self.tasks.blocking(work).await };
        self.attempt(name, async {
            work.await
                .unwrap_or_else(|error| Err(format!("{error}: please report this")))
        })
        .await
    }

    fn too_late(&self) -> String {
        format!(
            "no answer within {} s: does what is asked respond, and does the network let it through?",
            self.limit.as_secs()
        )
    }
}

impl Trial {
    /// How the thing called `name` was found. Control characters are escaped.
    #[must_use]
    pub fn of(name: impl Into<String>, found: Found) -> Self {
        let (fault, note) = match found {
            Ok(note) => (None, note),
            Err(fault) => (Some(fault), None),
        };
        Self {
            name: escape(&name.into()),
            fault: fault.map(|text| escape(&text)),
            note: note.map(|text| escape(&text)),
        }
    }

    /// True if nothing is wrong.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.fault.is_none()
    }
}

/// Looks whether the file at `path` can be written, or made where it is missing; makes and changes nothing. It blocks.
///
/// # Errors
/// What is in the way, and the way out.
pub fn can_write_file(path: &Path) -> Found {
    match std::fs::metadata(path) {
        Ok(facts) if facts.is_dir() => Err(format!(
            "`{}` is a folder: name a file in it",
            path.display()
        )),
        Ok(_) => may_write(path).map(|()| None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => can_write_folder(folder_of(path)),
        Err(error) => Err(refused(path, &error)),
    }
}

/// Looks whether files can be made in the folder at `path`, which may be missing; makes nothing. It blocks.
///
/// # Errors
/// What is in the way, and the way out.
pub fn can_write_folder(path: &Path) -> Found {
    let mut at = path;
    loop {
        match std::fs::metadata(at) {
            Ok(facts) if !facts.is_dir() => {
                return Err(format!("`{}` is a file, not a folder", at.display()));
            }
            Ok(_) => {
                may_write(at)?;
                let note = format!("`{}` will be made", path.display());
                return Ok((at != path).then_some(note));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && at != folder_of(at) => {
                at = folder_of(at);
            }
            Err(error) => return Err(refused(at, &error)),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

fn may_write(path: &Path) -> Result<(), String> {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK)
        .map_err(|errno| refused(path, &errno.into()))
}

fn refused(path: &Path, error: &io::Error) -> String {
    let way_out = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ": give the user that OpsPilot runs as the right to write there, or name another place"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            ": the file system is mounted read-only; name another place"
        }
        io::ErrorKind::NotADirectory => ": a file is where a folder should be",
        _ => "",
    };
    format!("cannot write to `{}`{way_out}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::config::ModuleOptions;
    use crate::module::{BuildError, Category, Context, Factory, Manifest, Module, RunError};

    struct Plain;

    #[async_trait::async_trait]
    impl Module for Plain {
        const MANIFEST: Manifest = Manifest::new("connector.plain", Category::Connector, "");
        type Config = crate::config::Logging;

        fn new(_: Self::Config) -> Result<Self, BuildError> {
            Ok(Self)
        }

        async fn run(&mut self, _: &Context) -> Result<(), RunError> {
            Ok(())
        }
    }

    fn context() -> TrialContext {
        TrialContext::new("connector.plain", SystemClock::shared())
    }

    #[tokio::test]
    async fn a_module_has_nothing_to_try_unless_it_says_so() {
        let mut module = Plain;
        assert_eq!(Module::trial(&mut module, &context()).await, Vec::new());
        let options = ModuleOptions::from_json("connector.plain", serde_json::json!({}));
        let mut built = Factory::of::<Plain>().build(&options).unwrap();
        assert_eq!(built.trial(&context()).await, Vec::new());
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_ends_in_time_and_escapes_what_it_tells() {
        let cx = context();
        let late = cx.attempt("a", std::future::pending()).await;
        assert!(late.fault.unwrap().contains("within 10 s"));
        let work = || Err("no\u{1b}[2J".to_owned());
        let failed = cx.attempt_blocking("b", work).await;
        assert!(!failed.is_ok() && failed.fault.as_deref() == Some("no\\u{1b}[2J"));
        let well = cx.attempt("c", async { Ok(Some("well".into())) }).await;
        assert!(well.is_ok() && well.note.as_deref() == Some("well"));
    }

    #[test]
    fn a_port_of_the_running_server_is_no_fault() {
        let refusal = |kind| RunError::new("cannot bind", io::Error::from(kind));
        let taken = refusal(io::ErrorKind::AddrInUse);
        let mut cx = context();
        assert!(cx.unless_own(&taken, "taken".to_owned()).is_err());
        cx.is_running = true;
        let note = cx.unless_own(&taken, "taken".to_owned()).unwrap();
        assert!(note.unwrap().contains("this configuration listens there"));
        let denied = refusal(io::ErrorKind::PermissionDenied);
        let fault = cx.unless_own(&denied, "denied".to_owned());
        assert_eq!(fault.unwrap_err(), "denied");
    }

    #[test]
    fn what_can_be_written_is_found_without_writing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), b"x").unwrap();
        assert_eq!(can_write_file(&at("file")), Ok(None));
        assert_eq!(can_write_file(&at("new")), Ok(None));
        let note = can_write_file(&at("a/b/new")).unwrap().unwrap();
        assert!(note.contains("a/b` will be made"), "{note}");
        for (path, words) in [
            (folder.path().to_owned(), "is a folder"),
            (at("file/new"), "a file is where a folder should be"),
            (at("file/a/new"), "a file is where a folder should be"),
        ] {
            let fault = can_write_file(&path).unwrap_err();
            assert!(fault.contains(words), "{fault}");
        }
        assert!(can_write_folder(&at("file")).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
