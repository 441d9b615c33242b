//! What a program may ask the kernel for, by seccomp (`seccomp(2)`).
//!
//! Landlock keeps a program from files; this keeps it from the calls that lead around landlock: other processes' memory,
//! mounts, namespaces, kernel keys, sockets.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter,
};

use super::job::Confinement;

/// Calls that answer "operation not permitted".
const FORBIDDEN: &[c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    // Landlock knows of it since Linux 6.2 only.
    libc::SYS_truncate,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

#[cfg(target_arch = "x86_64")]
const FORBIDDEN_HERE: &[c_long] = &[libc::SYS_ioperm, libc::SYS_iopl, libc::SYS_modify_ldt];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_HERE: &[c_long] = &[];

/// The bit that marks the second numbering of calls on x86-64 (x32), which would lead around the list.
#[cfg(target_arch = "x86_64")]
const SECOND_NUMBERING: Option<c_long> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const SECOND_NUMBERING: Option<c_long> = None;

/// `TIOCSTI` and `TIOCLINUX` (`ioctl_tty(2)`): they type into somebody else's terminal.
const TERMINAL_TRICKS: [u64; 2] = [0x5412, 0x541c];

/// The socket families that a program with a network may use: IPv4, IPv6, and netlink, which resolvers ask for routes.
const NETWORK: [libc::c_int; 3] = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Restricts this thread, and whatever it becomes.
pub(super) fn restrict(confinement: &Confinement) -> Result<(), String> {
    let not_permitted = install(forbidden(confinement), libc::EPERM);
    not_permitted
        // Programs then fall back on `clone`, whose flags can be looked at.
        .and_then(|()| install(Ok(calls(&[libc::SYS_clone3])), libc::ENOSYS))
        .map_err(|error| format!("seccomp refuses: {error}"))
}

fn forbidden(confinement: &Confinement) -> Result<Rules, BackendError> {
    let mut rules = calls(FORBIDDEN);
    rules.extend(calls(FORBIDDEN_HERE));
    add(&mut rules, libc::SYS_socket, sockets(confinement)?);
    add(&mut rules, libc::SYS_clone, namespaces()?);
    let tricks = TERMINAL_TRICKS.map(|request| {
        let condition = condition(1, SeccompCmpOp::Eq, request)?;
        SeccompRule::new(vec![condition])
    });
    let tricks = tricks.into_iter().collect::<Result<_, _>>()?;
    add(&mut rules, libc::SYS_ioctl, tricks);
    Ok(rules)
}

/// Every family without a network, else all but those of a network.
fn sockets(confinement: &Confinement) -> Result<Vec<SeccompRule>, BackendError> {
    if !confinement.has_network {
        return Ok(Vec::new());
    }
    let others = NETWORK.map(|family| {
        condition(
            0,
            SeccompCmpOp::Ne,
            u64::try_from(family).unwrap_or_default(),
        )
    });
    let others = others.into_iter().collect::<Result<_, _>>()?;
    Ok(vec![SeccompRule::new(others)?])
}

/// Any flag that makes a namespace.
fn namespaces() -> Result<Vec<SeccompRule>, BackendError> {
    let flags = [
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWUTS,
    ];
    let rule = |flag: libc::c_int| {
        let flag = u64::try_from(flag).unwrap_or_default();
        SeccompRule::new(vec![condition(0, SeccompCmpOp::MaskedEq(flag), flag)?])
    };
    flags.into_iter().map(rule).collect()
}

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn calls(numbers: &[c_long]) -> Rules {
    let mut rules = Rules::new();
    for number in numbers {
        add(&mut rules, *number, Vec::new());
    }
    rules
}

/// Adds a call, with both of its numbers; it matches always if there are no `conditions`.
fn add(rules: &mut Rules, number: c_long, conditions: Vec<SeccompRule>) {
    if let Some(bit) = SECOND_NUMBERING {
        rules.insert(number | bit, conditions.clone());
    }
    rules.insert(number, conditions);
}

fn install(
    rules: Result<Rules, BackendError>,
    error: libc::c_int,
) -> Result<(), seccompiler::Error> {
    let action = SeccompAction::Errno(u32::try_from(error).unwrap_or_default());
    let architecture = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules?, SeccompAction::Allow, action, architecture)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program)
}
