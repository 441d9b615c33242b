//! Views that people save: a name, and the query of a list that it stands for. Each belongs to one subject.

use std::collections::BTreeMap;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bus::{Bus, PublishError, Tx, Work};
use crate::clock::Timestamp;
use crate::safety::audit::{Audit, Record as AuditRecord};
use crate::storage::{Collection, CollectionSpec, Record, SharedStorage, StorageError, Store};

/// How many views one subject may have.
pub const LIMIT: usize = 100;

/// The saved views of everybody; cloning it clones a handle.
#[derive(Debug, Clone)]
pub struct SavedViews {
    bus: Bus,
    shelves: Collection<Shelf>,
    audit: Audit,
}

/// A saved view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedView {
    /// What its owner calls it.
    pub name: String,
    /// The query that it stands for, as in an address: `status=open&severity=critical`.
    pub query: String,
    /// When it was first saved.
    pub created_at: Timestamp,
    /// When it was last saved.
    pub updated_at: Timestamp,
}

/// All views of one subject: one document, so that their number is bounded in the transaction that adds one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Shelf {
    owner: String,
    views: BTreeMap<String, SavedView>,
}

/// Why a view was not saved, removed or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The subject has no view of this name.
    #[error("there is no view `{0}`")]
    NotFound(String),
    /// There are too many.
    #[error("there are {LIMIT} views already: remove one first")]
    TooMany,
    /// The storage does not work.
    #[error("views cannot be stored or read")]
    Storage(#[from] StorageError),
    /// The change could not be stored.
    #[error("the change could not be stored")]
    Publish(#[from] PublishError),
}

impl SavedViews {
    /// Opens the views in `storage`; changes go through `bus`, and `audit` tells of each.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn open(
        bus: Bus,
        storage: SharedStorage,
        audit: Audit,
    ) -> Result<Self, StorageError> {
        let shelves = Store::new(storage, "system").collection().await?;
        Ok(Self {
            bus,
            shelves,
            audit,
        })
    }

    /// The views of `owner`, by name.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn of(&self, owner: &str) -> Result<Vec<SavedView>, ViewError> {
        let found = self.shelves.get(owner).await?;
        Ok(found.map_or_else(Vec::new, |(shelf, _)| shelf.views.into_values().collect()))
    }

    /// The view of `owner` called `name`.
    ///
    /// # Errors
    /// [`ViewError::NotFound`], or when the storage cannot be read.
    pub async fn get(&self, owner: &str, name: &str) -> Result<SavedView, ViewError> {
        let found = self.shelves.get(owner).await?;
        let view = found.and_then(|(mut shelf, _)| shelf.views.remove(name));
        view.ok_or_else(|| ViewError::NotFound(name.to_owned()))
    }

    /// Saves the view of `owner` called `name`, in place of an earlier one.
    ///
    /// # Errors
    /// [`ViewError::TooMany`], or when it cannot be stored.
    pub async fn put(&self, owner: &str, name: &str, query: &str) -> Result<SavedView, ViewError> {
        let change = Some(query.to_owned());
        self.change(owner, name, change).await
    }

    /// Removes the view of `owner` called `name`, and returns it.
    ///
    /// # Errors
    /// [`ViewError::NotFound`], or when it cannot be stored.
    pub async fn remove(&self, owner: &str, name: &str) -> Result<SavedView, ViewError> {
        self.change(owner, name, None).await
    }

    async fn change(
        &self,
        owner: &str,
        name: &str,
        query: Option<String>,
    ) -> Result<SavedView, ViewError> {
        let work = Change {
            views: self.clone(),
            owner: owner.to_owned(),
            name: name.to_owned(),
            query,
        };
        self.bus.transact(owner, work).await?
    }
}

/// Saves a view, or removes it.
struct Change {
    views: SavedViews,
    owner: String,
    name: String,
    query: Option<String>,
}

#[async_trait]
impl Work for Change {
    type Output = Result<SavedView, ViewError>;

    async fn run(self, tx: &mut Tx) -> Self::Output {
        let Self {
            views: SavedViews { shelves, audit, .. },
            owner,
            name,
            query,
        } = self;
        let found = tx.get(&shelves, &owner).await?;
        let mut shelf = found.unwrap_or_else(|| Shelf {
            owner: owner.clone(),
            views: BTreeMap::new(),
        });
        let (view, action) = match query {
            Some(query) => (shelf.save(&name, query, tx.now())?, "view.saved"),
            None => {
                let removed = shelf.views.remove(&name);
                let missing = || ViewError::NotFound(name.clone());
                (removed.ok_or_else(missing)?, "view.removed")
            }
        };
        let record = AuditRecord::new(action, owner).target(name);
        audit.append_in(tx, record).await?;
        tx.put(&shelves, &shelf)?;
        Ok(view)
    }
}

impl Shelf {
    fn save(&mut self, name: &str, query: String, now: Timestamp) -> Result<SavedView, ViewError> {
        let known = self.views.get(name);
        if known.is_none() && self.views.len() >= LIMIT {
            return Err(ViewError::TooMany);
        }
        let view = SavedView {
            name: name.to_owned(),
            query,
            created_at: known.map_or(now, |view| view.created_at),
            updated_at: now,
        };
        self.views.insert(name.to_owned(), view.clone());
        Ok(view)
    }
}

impl Record for Shelf {
    const COLLECTION: CollectionSpec = CollectionSpec {
        name: "saved_views",
        indexes: &[],
    };

    fn key(&self) -> String {
        self.owner.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safety::audit::AuditFilter;
    use crate::testing::Bench;

    #[tokio::test]
    async fn views_belong_to_their_owner_and_every_change_is_audited() {
        let bench = Bench::new().await;
        let views = &bench.access.views;
        let first = views.put("ann", "mine", "status=open").await.unwrap();
        let second = views.put("ann", "mine", "status=closed").await.unwrap();
        assert_eq!(second.created_at, first.created_at);
        assert_eq!(
            views.of("ann").await.unwrap(),
            std::slice::from_ref(&second)
        );
        assert_eq!(views.of("bob").await.unwrap(), []);
        assert!(matches!(
            views.get("bob", "mine").await,
            Err(ViewError::NotFound(_))
        ));
        assert!(matches!(
            views.remove("bob", "mine").await,
            Err(ViewError::NotFound(_))
        ));
        assert_eq!(views.remove("ann", "mine").await.unwrap(), second);
        assert!(matches!(
            views.get("ann", "mine").await,
            Err(ViewError::NotFound(_))
        ));
        let (entries, _) = bench
            .audit
            .list(&AuditFilter::default(), None, 10)
            .await
            .unwrap();
        let told: Vec<_> = entries
            .iter()
            .rev()
            .map(|entry| (&*entry.action, &*entry.actor))
            .collect();
        let expected = [
            ("view.saved", "ann"),
            ("view.saved", "ann"),
            ("view.removed", "ann"),
        ];
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn nobody_has_more_views_than_the_limit() {
        let bench = Bench::new().await;
        let views = &bench.access.views;
        for number in 0..LIMIT {
            views.put("ann", &number.to_string(), "q=x").await.unwrap();
        }
        assert!(matches!(
            views.put("ann", "more", "q=x").await,
            Err(ViewError::TooMany)
        ));
        views.put("ann", "7", "q=y").await.unwrap();
        views.put("bob", "more", "q=x").await.unwrap();
    }
}
