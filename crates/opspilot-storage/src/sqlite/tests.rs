use std::path::PathBuf;
use std::sync::Mutex;

use opspilot_core::storage::SharedStorage;
use opspilot_core::storage::conformance::{self, Subject};
use tempfile::TempDir;

use super::*;

struct Sqlite {
    directory: TempDir,
    opened: Mutex<usize>,
}

impl Sqlite {
    fn path(&self) -> PathBuf {
        self.directory
            .path()
            .join(format!("{}.db", self.opened.lock().expect("no panic")))
    }

    async fn open(&self) -> SharedStorage {
        Arc::new(
            SqliteStorage::open(&self.path(), Durability::Durable)
                .await
                .expect("opens"),
        )
    }
}

#[async_trait]
impl Subject for Sqlite {
    async fn fresh(&self) -> SharedStorage {
        *self.opened.lock().expect("no panic") += 1;
        self.open().await
    }

    async fn reopen(&self, storage: SharedStorage) -> Option<SharedStorage> {
        storage.close().await.expect("closes");
        Some(self.open().await)
    }
}

#[tokio::test]
async fn sqlite_passes_the_conformance_suite() {
    let subject = Sqlite {
        directory: tempfile::tempdir().expect("makes a directory"),
        opened: Mutex::default(),
    };
    conformance::check(&subject).await;
}
