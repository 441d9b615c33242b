//! Looks whether an engine could be opened: for `check --online`.

use std::fs::File;
use std::path::Path;

use opspilot_core::config::{Storage, StorageEngine};
use opspilot_core::module::{Found, Trial, TrialContext, can_write_file, can_write_folder};
use rustix::fs::{FlockOperation, flock};

use crate::lock::{holder, with_suffix};

/// Looks whether the files of the engine that `section` names, and its folder for everything else that is kept, can be
/// written. Makes nothing. A server that uses them is a note, no fault.
pub async fn trial(section: &Storage, cx: &TrialContext) -> Vec<Trial> {
    let options = &section.options;
    let path = match section.engine {
        StorageEngine::Memory => return Vec::new(),
        StorageEngine::Sqlite => &options.db_path,
        StorageEngine::File => &options.data_dir,
    };
    let (file, folder) = (path.clone(), options.data_dir.clone());
    let engine = section.engine;
    let files = cx.attempt_blocking(path.display().to_string(), move || look(engine, &file));
    let kept = cx.attempt_blocking(folder.display().to_string(), {
        let folder = folder.clone();
        move || can_write_folder(&folder)
    });
    if *path == folder {
        return vec![files.await];
    }
    let (files, kept) = tokio::join!(files, kept);
    vec![files, kept]
}

fn look(engine: StorageEngine, path: &Path) -> Found {
    let (note, lock) = match engine {
        StorageEngine::File => (can_write_folder(path)?, path.join("opspilot.log")),
        _ => {
            // The lock and the journal of the database are made beside it.
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let note = can_write_folder(folder.unwrap_or_else(|| Path::new(".")))?;
            (can_write_file(path)?.or(note), path.to_owned())
        }
    };
    match used_by(&with_suffix(&lock, ".lock")) {
        Some(holder) => Ok(Some(format!(
            "in use by {holder}; a second server needs a path of its own"
        ))),
        None => Ok(note),
    }
}

/// Who holds the lock at `path`. Where nobody does, it is held for a moment to find out.
fn used_by(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => Some(holder(&mut file)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use opspilot_core::clock::SystemClock;
    use opspilot_core::config::StorageOptions;

    use super::*;
    use crate::lock::ProcessLock;

    #[tokio::test]
    async fn a_storage_in_use_is_a_note_and_one_that_cannot_be_is_a_fault() {
        let folder = tempfile::tempdir().expect("makes a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), b"").expect("writes");
        let cx = TrialContext::new("storage", SystemClock::shared());
        let tried = async |engine, db: &str, data: &str| {
            let options = StorageOptions {
                db_path: at(db),
                data_dir: at(data),
            };
            let section = Storage {
                engine,
                options,
                ..Storage::default()
            };
            trial(&section, &cx).await
        };
        let well = tried(StorageEngine::Sqlite, "a/b.db", "a").await;
        assert!(well.len() == 2 && well.iter().all(Trial::is_ok), "{well:?}");
        assert!(!at("a").exists(), "a trial made something");
        assert_eq!(tried(StorageEngine::Memory, "x", "y").await, Vec::new());

        let broken = tried(StorageEngine::Sqlite, "file/b.db", "file").await;
        assert!(broken.iter().all(|trial| !trial.is_ok()), "{broken:?}");

        let lock = ProcessLock::acquire(&at("b.db")).expect("locks");
        let used = tried(StorageEngine::Sqlite, "b.db", "data").await;
        let note = used[0].note.clone().expect("a note");
        let holder = format!("process {}", std::process::id());
        assert!(used[0].is_ok() && note.contains(&holder), "{note}");
        drop(lock);
        let free = tried(StorageEngine::Sqlite, "b.db", "data").await;
        assert_eq!(free[0].note, None);
    }
}
