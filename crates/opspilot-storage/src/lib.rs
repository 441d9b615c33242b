//! The engines that keep OpsPilot's documents on disk, behind [`Storage`](opspilot_core::storage::Storage).
//!
//! ```
//! use opspilot_core::storage::Definition;
//! use opspilot_core::config::{Storage, StorageEngine};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let section = Storage { engine: StorageEngine::Memory, ..Storage::default() };
//! let storage = opspilot_storage::open(&section).await?;
//! storage.define("example::greetings", Definition::UNINDEXED).await?;
//! storage.set("example::greetings", "en", r#""hello""#.into()).await?;
//! assert!(storage.has("example::greetings", "en").await?);
//! # Ok(())
//! # }
//! ```

mod file;
mod group;
mod lock;
mod open;
mod sqlite;
mod trial;

pub use open::{OpenError, open};
pub use trial::trial;
