//! What a program may read and change, by landlock (`landlock(7)`).

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath,
    PathFd, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError,
    RulesetStatus, Scope,
};

use super::job::{Confinement, Job};

/// The newest kernel interface that is asked for (Linux 6.12); an older kernel enforces what it knows.
const INTERFACE: ABI = ABI::V6;

/// Folders and files that programs need to run, and which hold no secret. `/etc` as a whole is not among them.
const SYSTEM: &[&str] = &[
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/sbin",
    "/usr",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/locale.alias",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/self",
    "/proc/stat",
    "/proc/uptime",
    "/proc/version",
];

/// Devices that every program may use.
const DEVICES: &[&str] = &[
    "/dev/full",
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
];

/// Restricts this thread, and whatever it becomes, to what `confinement` allows.
pub(super) fn restrict(job: &Job, confinement: &Confinement) -> Result<(), String> {
    let status = ruleset(job, confinement)
        .and_then(RulesetCreated::restrict_self)
        .map_err(|error| format!("landlock refuses: {error}"))?;
    if status.ruleset == RulesetStatus::NotEnforced && confinement.is_required {
        return Err(
            "this kernel has no landlock: use one that has (Linux 5.13), or set \
             `sandbox: { required: false }`"
                .to_owned(),
        );
    }
    Ok(())
}

fn ruleset(job: &Job, confinement: &Confinement) -> Result<RulesetCreated, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(INTERFACE))?
        .scope(Scope::from_all(INTERFACE))?;
    if !confinement.has_network {
        rules = rules.handle_access(AccessNet::from_all(INTERFACE))?;
    }
    let read = AccessFs::from_read(INTERFACE);
    let all = AccessFs::from_all(INTERFACE);
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    let program = job.argv.first().map(String::as_str);
    let mut created = rules.create()?;
    for path in SYSTEM.iter().copied().chain(program) {
        created = allow(created, path, read)?;
    }
    for path in &confinement.readable {
        created = allow(created, path, read)?;
    }
    for path in DEVICES {
        created = allow(created, path, device)?;
    }
    for path in &confinement.writable {
        created = allow(created, path, all)?;
    }
    Ok(created)
}

/// Allows `access` to `path` and what is beneath it. What does not exist needs no permission.
fn allow(
    rules: RulesetCreated,
    path: &str,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(rules);
    };
    let access = if Path::new(path).is_dir() {
        access
    } else {
        access & AccessFs::from_file(INTERFACE)
    };
    rules.add_rule(PathBeneath::new(opened, access))
}
