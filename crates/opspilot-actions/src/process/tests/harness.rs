//! Runs shell scripts as the programs of a job.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::{Account, Confinement, Ended, Job, Limits, Runner};

/// The test that a helper runs as.
const ENTRY: &str = "process::tests::the_helper_does_nothing_unless_it_is_told_to";

/// The helper: this test program.
pub(crate) fn runner() -> Runner {
    let program = std::env::current_exe().expect("a test program has a path");
    let arguments = ["--exact", ENTRY, "--nocapture", "--test-threads=1"];
    Runner::with_helper(program, arguments.map(str::to_owned).to_vec())
}

/// Whether the tests run as root, and so as somebody else where root is refused.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The user that programs run as.
pub(crate) fn account() -> Option<Account> {
    is_root().then_some(Account {
        uid: 65_534,
        gid: 65_534,
    })
}

/// A folder that the programs may write to, and a job that runs a script in it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) job: Job,
}

impl Place {
    /// A place whose job is confined and has `seconds`.
    pub(crate) fn new(script: &str, seconds: u64) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("its own");
        let path = folder.path().display().to_string();
        let job = Job {
            argv: ["/bin/bash", "-c", script].map(str::to_owned).to_vec(),
            folder: path.clone(),
            environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            timeout_ms: seconds * 1_000,
            account: account(),
            allow_root: false,
            confinement: Some(Confinement {
                is_required: true,
                readable: Vec::new(),
                writable: vec![path],
                has_network: false,
            }),
            limits: Limits {
                cpu_seconds: 10,
                memory_bytes: 512 << 20,
                file_bytes: 1 << 20,
                open_files: 64,
                processes: 32,
            },
        };
        Self { folder, job }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the job; what it printed comes without the test harness' own lines.
    pub(crate) async fn run(&self) -> Ended {
        strip(runner().run(self.job.clone()).await)
    }

    /// Runs the job, which must end within its time and three seconds and leave no process behind.
    pub(crate) async fn run_cleanly(&self) -> Ended {
        let begin = Instant::now();
        let ended = self.run().await;
        let limit = self.job.timeout() + Duration::from_secs(3);
        assert!(begin.elapsed() < limit, "{:?}", begin.elapsed());
        assert_eq!(self.left_behind(), Vec::<String>::new());
        ended
    }

    /// The processes that work in the place's folder.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        let folders = fs::read_dir("/proc").expect("/proc").flatten();
        let mut found = Vec::new();
        for folder in folders {
            let cwd = fs::read_link(folder.path().join("cwd")).unwrap_or_default();
            if cwd == self.path() {
                let line = fs::read_to_string(folder.path().join("cmdline")).unwrap_or_default();
                found.push(format!("{}: {line}", folder.path().display()));
            }
        }
        found
    }
}

/// Takes away what the test harness prints before a helper becomes a program.
pub(crate) fn strip(mut ended: Ended) -> Ended {
    let printed = format!("\nrunning 1 test\ntest {ENTRY} ... ");
    if let Some(rest) = ended.stdout.text.strip_prefix(&printed) {
        ended.stdout.text = rest.to_owned();
    }
    ended
}
