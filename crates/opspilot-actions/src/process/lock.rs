//! The process that locks itself down and then becomes the program.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use rustix::process::{
    Gid, Resource, Rlimit, Signal, Uid, geteuid, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::job::{Account, Job, Limits};
use super::{landlock, seccomp, start};

/// Gives up what the program must not have, then becomes it; returns only with the reason why that failed.
pub(super) fn become_program(job: &Job) -> Result<Infallible, String> {
    close_inherited()?;
    if let Some(account) = job.account {
        switch(account).map_err(|error| format!("cannot become user {}: {error}", account.uid))?;
    }
    if geteuid().is_root() && !job.allow_root {
        return Err("it would run as root: name a `user`, or set `allowRoot: true`".to_owned());
    }
    // Changing the user forgets this, so it comes after.
    set_parent_process_death_signal(Some(Signal::KILL))
        .and_then(|()| set_no_new_privs(true))
        .map_err(|error| format!("cannot give up privileges: {error}"))?;
    limit(&job.limits).map_err(|error| format!("cannot set limits: {error}"))?;
    if let Some(confinement) = &job.confinement {
        landlock::restrict(job, confinement)?;
        seccomp::restrict(confinement)?;
    }
    let program = job.argv.first().map_or("", String::as_str);
    start::program(job).map_err(|error| {
        format!(
            "`{program}` in folder `{}` cannot be started: {error}",
            job.folder
        )
    })
}

/// Closes every descriptor but the standard ones that the program would find open.
///
/// Descriptors of this program are closed on exec; what is not was inherited from whoever started the server.
fn close_inherited() -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot look for open files: {error}");
    let entries = fs::read_dir("/proc/self/fdinfo").map_err(|error| failed(&error))?;
    let mut inherited = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed(&error))?;
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let number: i32 = number.ok_or_else(|| failed(&"a strange name in /proc"))?;
        if number > 2 && !is_closed_on_exec(&entry.path()) {
            inherited.push(number);
        }
    }
    for number in inherited {
        nix::unistd::close(number).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// What `/proc/<pid>/fdinfo/<fd>` says (`proc(5)`): the flags in octal. A descriptor that is gone needs no closing.
fn is_closed_on_exec(path: &Path) -> bool {
    let Ok(info) = fs::read_to_string(path) else {
        return true;
    };
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & libc::O_CLOEXEC != 0)
}

/// Becomes `account` for good, without further groups.
fn switch(account: Account) -> rustix::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    if uid == geteuid() && !uid.is_root() {
        return Ok(());
    }
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

fn limit(limits: &Limits) -> rustix::io::Result<()> {
    let set = |resource, value| {
        let limit = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        setrlimit(resource, limit)
    };
    set(Resource::Core, 0)?;
    set(Resource::Cpu, limits.cpu_seconds)?;
    set(Resource::Fsize, limits.file_bytes)?;
    set(Resource::Nofile, limits.open_files)?;
    // The kernel counts every process of the user; only what comes on top is the program's.
    let others = tasks_of(geteuid().as_raw());
    set(Resource::Nproc, others.saturating_add(limits.processes))?;
    set(Resource::As, limits.memory_bytes)
}

/// How many processes and threads user `uid` has.
fn tasks_of(uid: u32) -> u64 {
    use std::os::unix::fs::MetadataExt as _;

    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    let threads = folders.filter_map(|folder| {
        let is_process = folder.file_name().to_str()?.parse::<u32>().is_ok();
        let is_theirs = is_process && folder.metadata().ok()?.uid() == uid;
        let status = fs::read_to_string(folder.path().join("status")).ok()?;
        let threads = status
            .lines()
            .find_map(|line| line.strip_prefix("Threads:"));
        threads.filter(|_| is_theirs)?.trim().parse::<u64>().ok()
    });
    threads.sum()
}
