//! What a confined program must not reach (SECURITY.md, row A10).

use std::fs;
use std::os::unix::net::UnixListener;

use super::harness::{Place, account, is_root};
use crate::process::How;

/// Runs `script` with Python, whose standard library can ask the kernel for anything.
async fn python(script: &str) -> String {
    let mut place = Place::new("", 20);
    place.job.argv = ["/usr/bin/python3", "-I", "-c", script]
        .map(str::to_owned)
        .to_vec();
    place.job.limits.open_files = 256;
    let ended = place.run_cleanly().await;
    assert_eq!(ended.how, How::Exit(0), "{ended:?}");
    ended.stdout.text
}

/// Each line of `script` prints what came of one attempt.
async fn check(script: &str, expected: &str) {
    let ended = Place::new(script, 20).run_cleanly().await;
    assert_eq!(ended.stdout.text, expected, "{ended:?}");
}

#[tokio::test]
async fn secrets_of_the_machine_cannot_be_read() {
    let script = "for f in /etc/shadow ~root ~root/.bashrc /proc/1/environ /proc/$PPID/environ \
                  /proc/$PPID/cmdline /var/log /home /sys/kernel /etc/ssh /dev/mem /tmp; do \
                  if [ -d $f ]; then ls $f; else cat $f; fi >/dev/null 2>&1 && echo read $f; done; \
                  cat /etc/passwd >/dev/null && echo passwd";
    check(script, "passwd\n").await;
}

#[tokio::test]
async fn root_itself_is_confined_too() {
    if !is_root() {
        return;
    }
    let mut place = Place::new(
        "cat /etc/shadow || cat /proc/1/environ || touch /etc/x || touch ~root/x || kill -0 1 \
         || chroot / true || mount -t tmpfs none /mnt || unshare -n true || echo all denied",
        20,
    );
    place.job.account = None;
    place.job.allow_root = true;
    let ended = place.run_cleanly().await;
    assert_eq!(ended.stdout.text, "all denied\n", "{ended:?}");
}

#[tokio::test]
async fn only_what_was_named_can_be_changed_also_through_links() {
    let outside = tempfile::TempDir::new().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(outside.path(), fs::Permissions::clone(&everyone)).unwrap();
    fs::set_permissions(&victim, everyone).unwrap();
    let victim_path = victim.display();
    let script = format!(
        "ln -s {victim_path} link; ln {victim_path} hard; (echo x > link; echo x >> {victim_path}; \
         truncate -s 0 {victim_path}; rm -f {victim_path}; mv {victim_path} .; \
         touch {}/new; cat link; cat ../../etc/shadow; touch ../escaped) 2>/dev/null; \
         echo own > own && cat own",
        outside.path().display()
    );
    check(&script, "own\n").await;
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn the_old_call_that_cuts_a_file_is_refused() {
    let outside = tempfile::TempDir::new().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(outside.path(), fs::Permissions::clone(&everyone)).unwrap();
    fs::set_permissions(&victim, everyone).unwrap();
    let script = format!(
        "import os\ntry:\n  os.truncate('{}', 0)\nexcept PermissionError:\n  print('refused')",
        victim.display()
    );
    assert_eq!(python(&script).await, "refused\n");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
}

#[tokio::test]
async fn no_socket_of_any_family_opens_without_a_network() {
    let script = "import socket, errno\n\
        opened = []\n\
        for family in range(0, 46):\n  \
          for kind in (1, 2, 3, 5, 10):\n    \
            try:\n      socket.socket(family, kind).close(); opened.append((family, kind))\n    \
            except OSError as e:\n      assert e.errno == errno.EPERM, (family, kind, e)\n\
        print(opened)";
    assert_eq!(python(script).await, "[]\n");
}

#[tokio::test]
async fn with_a_network_only_its_families_open() {
    let script = "import socket\n\
        def opens(family, kind):\n  \
          try:\n    socket.socket(family, kind).close(); return True\n  \
          except OSError: return False\n\
        print(opens(socket.AF_INET, 1), opens(socket.AF_INET6, 1), opens(socket.AF_UNIX, 1),\n\
              opens(socket.AF_PACKET, 3), opens(socket.AF_VSOCK, 1), opens(socket.AF_ALG, 5))";
    let mut place = Place::new("", 20);
    place.job.argv = ["/usr/bin/python3", "-I", "-c", script]
        .map(str::to_owned)
        .to_vec();
    place.job.confinement.as_mut().unwrap().has_network = true;
    let ended = place.run_cleanly().await;
    assert_eq!(
        ended.stdout.text, "True True False False False False\n",
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_service_behind_a_unix_socket_is_out_of_reach() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("daemon.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let everyone = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(folder.path(), fs::Permissions::clone(&everyone)).unwrap();
    fs::set_permissions(&path, everyone).unwrap();
    let script = format!(
        "import socket\ntry:\n  socket.socket(socket.AF_UNIX).connect('{}')\n  print('connected')\n\
         except PermissionError:\n  print('refused')",
        path.display()
    );
    assert_eq!(python(&script).await, "refused\n");
}

#[tokio::test]
async fn calls_that_lead_around_the_walls_are_refused() {
    let script = "import ctypes, errno\n\
        libc = ctypes.CDLL(None, use_errno=True)\n\
        calls = dict(ptrace=101, mount=165, umount2=166, unshare=272, setns=308, bpf=321, keyctl=250,\n\
          add_key=248, request_key=249, io_uring_setup=425, perf_event_open=298, pivot_root=155,\n\
          chroot=161, open_by_handle_at=304, process_vm_readv=310, process_vm_writev=311, kexec_load=246,\n\
          init_module=175, userfaultfd=323, pidfd_getfd=438, fsopen=430, open_tree=428, move_mount=429)\n\
        for name, number in calls.items():\n  \
          for nr in (number, number | 0x40000000):\n    \
            ctypes.set_errno(0)\n    \
            answer = libc.syscall(nr, 0, 0, 0, 0, 0, 0)\n    \
            if answer != -1 or ctypes.get_errno() != errno.EPERM: print(name, nr, answer, ctypes.get_errno())\n\
        for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000, 0x2000000):\n  \
          ctypes.set_errno(0)\n  \
          if libc.syscall(56, flag | 17, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM: print(hex(flag))\n\
        libc.syscall(435, 0, 0)\n\
        print('clone3', ctypes.get_errno() == errno.ENOSYS)\n\
        import fcntl\n\
        try: fcntl.ioctl(0, 0x5412, b'x')\n\
        except PermissionError: print('no typing')";
    if cfg!(target_arch = "x86_64") {
        assert_eq!(python(script).await, "clone3 True\nno typing\n");
    }
}

#[tokio::test]
async fn privileges_cannot_be_gained() {
    let script = "while read -r name value; do case $name in NoNewPrivs:|CapEff:|Seccomp:) echo $name $value;; esac; \
                  done < /proc/self/status; \
                  (sudo -n true || su -c true || passwd -S root || mount /mnt) 2>/dev/null && echo gained";
    let expected = "CapEff: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n";
    check(script, expected).await;
}

#[tokio::test]
async fn the_supervisor_is_out_of_reach() {
    let script = "kill -9 $PPID 2>/dev/null && echo killed; kill -STOP $PPID 2>/dev/null && echo stopped; \
                  cat /proc/$PPID/maps /proc/$PPID/fd/0 >/dev/null 2>&1 && echo read; kill -0 $$ && echo own";
    check(script, "own\n").await;
}

#[tokio::test]
async fn memory_files_and_descriptors_are_limited() {
    let script = "import os\n\
        try: bytearray(1 << 30)\n\
        except MemoryError: print('memory')\n\
        try:\n  \
          for _ in range(300): os.dup(1)\n\
        except OSError: print('descriptors'); os.closerange(3, 300)\n\
        import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n\
        with open('big', 'wb', 0) as f:\n  \
          try:\n    \
            for _ in range(40): f.write(b'x' * 100_000)\n  \
          except OSError: print('file', f.tell())";
    let mut place = Place::new("", 20);
    place.job.argv = ["/usr/bin/python3", "-I", "-c", script]
        .map(str::to_owned)
        .to_vec();
    let ended = place.run_cleanly().await;
    assert_eq!(
        ended.stdout.text, "memory\ndescriptors\nfile 1048576\n",
        "{ended:?}"
    );
    assert_eq!(
        fs::metadata(place.path().join("big")).unwrap().len(),
        1 << 20
    );
}

#[tokio::test]
async fn an_endless_loop_is_ended_by_its_processor_time() {
    let mut place = Place::new("while :; do :; done", 30);
    place.job.limits.cpu_seconds = 1;
    assert_eq!(place.run_cleanly().await.how, How::Signal(9));
}

#[tokio::test]
async fn a_program_runs_as_its_user_without_groups() {
    let Some(account) = account() else {
        return;
    };
    let expected = format!("{} {} {}\n", account.uid, account.gid, account.gid);
    check("echo $(id -u) $(id -g) $(id -G)", &expected).await;
}

/// A thread whose children find no landlock, as on an old kernel.
fn without_landlock<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

    let thread = std::thread::spawn(move || {
        let missing = SeccompAction::Errno(u32::try_from(libc::ENOSYS).unwrap());
        let rules = [(libc::SYS_landlock_create_ruleset, Vec::new())].into();
        let architecture = std::env::consts::ARCH.try_into().unwrap();
        let filter =
            SeccompFilter::new(rules, SeccompAction::Allow, missing, architecture).unwrap();
        apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
        work()
    });
    thread.join().expect("it does not panic")
}

#[test]
fn without_landlock_a_program_is_refused_unless_the_entry_says_otherwise() {
    let run = |is_required| {
        without_landlock(move || {
            let mut place = Place::new("echo ran", 10);
            place.job.confinement.as_mut().unwrap().is_required = is_required;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(place.run_cleanly())
        })
    };
    let refused = run(true).how.to_string();
    assert!(refused.contains("this kernel has no landlock"), "{refused}");
    let ran = run(false);
    assert_eq!((ran.how, ran.stdout.text.as_str()), (How::Exit(0), "ran\n"));
}
