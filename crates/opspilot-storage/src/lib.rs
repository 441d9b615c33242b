//! The engines that keep OpsPilot's documents on disk, behind [`Storage`](opspilot_core::storage::Storage).
//!
//! ```
//! use opspilot_core::storage::Definition;
//! use opspilot_storage::{Durability, Options, open};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let storage = open("memory", &Options::default(), Durability::Durable).await?;
//! storage.define("example::greetings", Definition::UNINDEXED).await?;
//! storage.set("example::greetings", "en", r#""hello""#.into()).await?;
//! assert!(storage.has("example::greetings", "en").await?);
//! # Ok(())
//! # }
//! ```

mod config;
mod file;
mod group;
mod lock;
mod open;
mod sqlite;

pub use config::{Durability, Options};
pub use open::{OpenError, open};
