//! What every engine must do, as one suite.
//!
//! An engine's test implements [`Subject`] and awaits [`check`], which panics at the first difference:
//!
//! ```
//! use std::sync::Arc;
//!
//! use opspilot_core::storage::conformance::{Subject, check};
//! use opspilot_core::storage::{MemoryStorage, SharedStorage};
//!
//! struct Memory;
//!
//! #[async_trait::async_trait]
//! impl Subject for Memory {
//!     async fn fresh(&self) -> SharedStorage {
//!         Arc::new(MemoryStorage::new())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().expect("starts").block_on(
//! check(&Memory)
//! # );
//! ```

mod indexes;
mod model;
mod operations;
mod sample;
mod writes;

use async_trait::async_trait;

use super::SharedStorage;

/// An engine under test.
#[async_trait]
pub trait Subject: Sync {
    /// A new storage without documents, independent of those given before.
    async fn fresh(&self) -> SharedStorage;

    /// Closes `storage`, which [`Subject::fresh`] gave, and opens what it stored. `None` if nothing outlives it.
    async fn reopen(&self, storage: SharedStorage) -> Option<SharedStorage> {
        drop(storage);
        None
    }
}

/// Runs the whole suite.
///
/// # Panics
/// At the first thing that the engine does otherwise than it must.
pub async fn check(subject: &dyn Subject) {
    operations::seven_operations(&*subject.fresh().await).await;
    operations::keys_of_any_text(&*subject.fresh().await).await;
    operations::large_documents(&*subject.fresh().await).await;
    operations::mistakes_are_refused(&*subject.fresh().await).await;
    operations::documents_outlive_the_process(subject).await;

    indexes::pages_in_key_order(&*subject.fresh().await).await;
    indexes::prefixes_merge_in_order(&*subject.fresh().await).await;
    indexes::extreme_sort_values(&*subject.fresh().await).await;
    indexes::paging_over_changing_documents(&*subject.fresh().await).await;
    indexes::new_indexes_cover_old_documents(subject).await;

    writes::versions_count_writes(&*subject.fresh().await).await;
    writes::a_batch_is_written_whole_or_not_at_all(&*subject.fresh().await).await;
    writes::expectations_are_about_the_state_before(&*subject.fresh().await).await;
    writes::writes_of_a_batch_happen_in_order(&*subject.fresh().await).await;
    writes::ranges_are_removed(&*subject.fresh().await).await;
    writes::a_conflict_spares_its_neighbours(&*subject.fresh().await).await;
    writes::one_of_many_wins(&*subject.fresh().await).await;
    writes::concurrent_writers_lose_nothing(&*subject.fresh().await).await;

    for seed in 1..=8 {
        model::agrees_with_the_model(subject, seed).await;
    }
}
