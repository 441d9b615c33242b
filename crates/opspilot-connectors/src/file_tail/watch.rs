//! Notices that files changed. Only a reason to look: what changed is found out by looking.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::config::WatchMode;
use super::tailer::{Interest, Wake};

/// Magic numbers of file systems whose files other machines write, or that do not tell of changes: NFS, SMB, CIFS,
/// 9p, FUSE, Ceph, AFS, Lustre, GFS2, OCFS2, vboxsf.
///
/// Source: `linux/magic.h`, and the kernel's `fs/*/super.c` for those that are not listed there.
const NETWORK: [u64; 12] = [
    0x6969,
    0x517B,
    0xFF53_4D42,
    0xFE53_4D42,
    0x0102_1997,
    0x6573_5546,
    0x00C3_6400,
    0x5346_414F,
    0x0BD0_0BD0,
    0x0116_1970,
    0x7461_636F,
    0x786F_4256,
];

/// Watches folders.
#[derive(Debug)]
pub(super) struct Watch {
    mode: WatchMode,
    watcher: Option<RecommendedWatcher>,
    seen: Arc<Seen>,
    folders: BTreeSet<PathBuf>,
    polls: bool,
    trouble: Option<String>,
}

/// What the watcher's thread saw.
#[derive(Debug, Default)]
struct Seen {
    state: Mutex<State>,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    wake: Wake,
    interest: Interest,
}

impl Watch {
    /// A watch on nothing yet. It tells `changed` when there is a reason to look.
    pub(super) fn new(mode: WatchMode, changed: Arc<Notify>) -> Self {
        let seen = Arc::new(Seen {
            state: Mutex::default(),
            changed,
        });
        let mut watch = Self {
            mode,
            watcher: None,
            seen,
            folders: BTreeSet::new(),
            polls: mode == WatchMode::Poll,
            trouble: None,
        };
        if !watch.polls {
            watch.start();
        }
        watch
    }

    fn start(&mut self) {
        let seen = Arc::clone(&self.seen);
        match notify::recommended_watcher(move |event| seen.note(event)) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.give_up(&error),
        }
    }

    /// What happened since the last call.
    pub(super) fn take(&mut self) -> Wake {
        let wake = std::mem::take(&mut self.seen.lock().wake);
        for folder in &wake.moved {
            // A folder that went and came is another one, and is watched anew.
            if self.folders.remove(folder) {
                self.unwatch(folder);
            }
        }
        wake
    }

    /// Watches what `interest` asks for, and nothing else. True if something is watched that was not before: what
    /// happened there until now was not noticed.
    pub(super) fn follow(&mut self, interest: &Interest) -> bool {
        self.seen.lock().interest = interest.clone();
        if self.mode == WatchMode::Poll {
            return false;
        }
        self.polls = false;
        self.trouble = None;
        if self.watcher.is_none() {
            self.start();
        }
        for gone in self
            .folders
            .difference(&interest.folders)
            .cloned()
            .collect::<Vec<_>>()
        {
            self.folders.remove(&gone);
            self.unwatch(&gone);
        }
        let mut is_new = false;
        for folder in &interest.folders {
            if self.mode == WatchMode::Auto && is_on_network(folder) {
                self.polls = true;
            } else if !self.folders.contains(folder) {
                is_new |= self.watch(folder);
            }
        }
        is_new
    }

    fn watch(&mut self, folder: &Path) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => self.folders.insert(folder.to_owned()),
            Err(error) if is_absent(&error) => false,
            Err(error) => {
                self.give_up(&error);
                false
            }
        }
    }

    fn unwatch(&mut self, folder: &Path) {
        // It is not watched any longer if it is gone.
        if let Some(watcher) = &mut self.watcher
            && let Err(error) = watcher.unwatch(folder)
        {
            tracing::trace!(folder = %folder.display(), %error, "was not watched");
        }
    }

    fn give_up(&mut self, error: &notify::Error) {
        self.polls = true;
        let hint = match &error.kind {
            notify::ErrorKind::MaxFilesWatch => {
                "raise `fs.inotify.max_user_watches`; polling until then"
            }
            notify::ErrorKind::Io(error) if error.raw_os_error() == Some(24) => {
                "raise `fs.inotify.max_user_instances` or the limit of open files; polling until then"
            }
            _ => "polling until then",
        };
        self.trouble = Some(format!("cannot watch for changes: {error}; {hint}"));
    }

    /// True if some file must be looked at from time to time.
    pub(super) const fn polls(&self) -> bool {
        self.polls
    }

    /// Why there are no notifications, if there should be.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

impl Seen {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: notify::Result<Event>) {
        let mut state = self.lock();
        let is_news = match event {
            Ok(event) => state.note(event),
            Err(_) => {
                state.wake.everything = true;
                true
            }
        };
        drop(state);
        if is_news {
            self.changed.notify_one();
        }
    }
}

impl State {
    /// Takes an event in; true if it is a reason to look.
    fn note(&mut self, event: Event) -> bool {
        if event.need_rescan() {
            self.wake.everything = true;
            return true;
        }
        match event.kind {
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => false,
            EventKind::Modify(ModifyKind::Data(_)) => {
                let paths = event.paths.into_iter();
                let known: Vec<PathBuf> =
                    paths.filter(|path| self.interest.cares_for(path)).collect();
                let is_news = !known.is_empty();
                self.wake.written.extend(known);
                is_news
            }
            EventKind::Any
            | EventKind::Create(_)
            | EventKind::Modify(_)
            | EventKind::Remove(_)
            | EventKind::Other => {
                self.wake.moved.extend(event.paths);
                true
            }
        }
    }
}

impl Interest {
    fn cares_for(&self, path: &Path) -> bool {
        self.files.contains(path)
            || path
                .parent()
                .is_some_and(|folder| self.rotated_in.contains(folder))
    }
}

fn is_absent(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

fn is_on_network(folder: &Path) -> bool {
    rustix::fs::statfs(folder)
        .is_ok_and(|facts| u64::try_from(facts.f_type).is_ok_and(|kind| NETWORK.contains(&kind)))
}
