//! The options of a catalogue entry.

mod targets;

use std::collections::BTreeMap;

use opspilot_core::config::Secret;
use opspilot_core::safety::action::Digest;
use opspilot_core::safety::catalogue::Policy;
use schemars::JsonSchema;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

pub use self::targets::{
    Http, Kubernetes, KubernetesVerb, Method, Systemd, SystemdVerb, WorkloadKind,
};

/// One type of action.
///
/// Its texts may hold the values of its parameters, written `{name}`; nothing else in them is special.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// What it is for, in one sentence.
    #[serde(default)]
    pub description: String,
    /// What is done.
    pub run: Run,
    /// The parameters by name, each with its schema. Letters, digits and `_`, a letter first.
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    /// Who must approve it.
    #[serde(default)]
    pub policy: Policy,
    /// How to see that it helped.
    #[serde(default)]
    pub post_condition: Option<PostCondition>,
    /// What to propose when it did not help.
    #[serde(default)]
    pub compensation: Option<Compensation>,
}

/// What is done, by its `type`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Run {
    /// A program is started, without a shell.
    Command(Command),
    /// A unit is restarted, started or stopped.
    Systemd(Systemd),
    /// A request is sent.
    Http(Http),
    /// A workload in a cluster is restarted or scaled, or a pod is deleted.
    Kubernetes(Kubernetes),
}

/// A program that is started, without a shell, in a sandbox.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Command {
    /// The absolute path of the program, then its arguments. Each stays one argument, whatever a value holds.
    #[schemars(length(min = 1))]
    pub argv: Vec<String>,
    /// The folder it works in, which it may change. Default `/`, which it may not.
    #[serde(default)]
    pub folder: Option<String>,
    /// The user it runs as, by name or number; only a server that runs as root can change it.
    #[serde(default)]
    pub user: Option<String>,
    /// Lets it run as root.
    #[serde(default)]
    pub allow_root: bool,
    /// How many seconds it may take, from 1 to 3600. Default 60.
    #[serde(default = "sixty")]
    #[schemars(range(min = 1, max = 3_600))]
    pub timeout_seconds: u64,
    /// Its environment, besides `PATH`. Nothing of the server's environment is handed on.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Lets it use the network.
    #[serde(default)]
    pub network: bool,
    /// Absolute paths that it may read, besides the system's programs and libraries.
    #[serde(default)]
    pub readable_paths: Vec<String>,
    /// Absolute paths that it may change.
    #[serde(default)]
    pub writable_paths: Vec<String>,
    /// A program with its arguments that says what would be done and changes nothing; it runs under the same rules.
    #[serde(default)]
    pub dry_run: Option<Vec<String>>,
    /// How much it may use.
    #[serde(default)]
    pub limits: Limits,
    /// What keeps it from the rest of the machine.
    #[serde(default)]
    pub sandbox: Sandbox,
}

/// How much a program may use.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Seconds of processor time of each process. Default 30.
    #[schemars(range(min = 1))]
    pub cpu_seconds: u64,
    /// Mebibytes of address space of each process. Default 512.
    #[serde(rename = "memoryMiB")]
    #[schemars(range(min = 16, max = 1_048_576))]
    pub memory_mib: u64,
    /// Mebibytes of the largest file that it writes. Default 64.
    #[serde(rename = "fileMiB")]
    #[schemars(range(min = 0, max = 1_048_576))]
    pub file_mib: u64,
    /// Open files of each process. Default 256.
    #[schemars(range(min = 8, max = 65_536))]
    pub open_files: u64,
    /// Processes and threads in all. Default 64.
    #[schemars(range(min = 1, max = 4_096))]
    pub processes: u64,
}

/// What keeps a program from the rest of the machine: landlock and seccomp.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Sandbox {
    /// Refuses to run the program where the kernel has no landlock. Default true.
    pub required: bool,
}

/// What a value must be, by its `type`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum Parameter {
    /// A text. Control characters, and those that change the direction of writing or are invisible, are refused.
    #[serde(rename_all = "camelCase")]
    String {
        /// A regular expression that the whole text matches.
        pattern: String,
        /// The longest text in bytes, from 1 to 4096. Default 256.
        #[serde(default = "longest")]
        #[schemars(range(min = 1, max = 4_096))]
        max_length: usize,
        /// Allows line breaks and tabs, and texts of up to 64 KiB.
        #[serde(default)]
        multi_line: bool,
    },
    /// A whole number.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// One of a list.
    Enum {
        /// The list.
        values: Vec<String>,
    },
}

/// How to see that an action helped, by its `type`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub enum PostCondition {
    /// An address answers as it should.
    #[serde(rename_all = "camelCase")]
    Http {
        /// The address; a host that is written as an address is allowed as such.
        url: String,
        /// The statuses that are right. Default 200.
        #[serde(default = "ok")]
        expect_status: Vec<u16>,
        /// Within how many seconds it must, from 1 to 3600; it is asked again until then. Default 30.
        #[serde(default = "thirty")]
        #[schemars(range(min = 1, max = 3_600))]
        within_seconds: u64,
        /// Lets the host's name lead to private and loopback addresses.
        #[serde(default)]
        allow_private: bool,
    },
    /// A program ends with exit code 0.
    Command(Command),
    /// The incident does not repeat.
    #[serde(rename_all = "camelCase")]
    Quiet {
        /// For how many minutes, from 1 to 1440.
        #[schemars(range(min = 1, max = 1_440))]
        minutes: u64,
    },
}

/// Another action.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Compensation {
    /// Its name in the catalogue.
    pub action: String,
    /// Its arguments. A text may hold values of this action's parameters.
    #[serde(default)]
    pub arguments: serde_json::Map<String, serde_json::Value>,
}

impl Entry {
    /// The digest of everything that decides what will be done.
    pub(crate) fn recipe(&self) -> Digest {
        // Through a `Value`, whose objects are sorted by key.
        let json = serde_json::to_value(self).unwrap_or_default();
        Digest::of(json.to_string().as_bytes())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu_seconds: 30,
            memory_mib: 512,
            file_mib: 64,
            open_files: 256,
            processes: 64,
        }
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self { required: true }
    }
}

/// Writes secrets as their digests: another secret is another recipe, and none is told.
fn digests<S: Serializer>(
    secrets: &BTreeMap<String, Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(secrets.len()))?;
    for (name, secret) in secrets {
        map.serialize_entry(name, &Digest::of(secret.expose().as_bytes()))?;
    }
    map.end()
}

fn sixty() -> u64 {
    60
}

fn thirty() -> u64 {
    30
}

fn ten() -> u64 {
    10
}

fn longest() -> usize {
    256
}

fn ok() -> Vec<u16> {
    vec![200]
}
