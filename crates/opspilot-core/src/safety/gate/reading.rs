//! What is known of proposals and executions.

use super::{Gate, ProposalFilter};
use crate::safety::execution::Execution;
use crate::safety::proposal::{Proposal, ProposalStatus};
use crate::storage::{Cursor, Query, StorageError};

impl Gate {
    /// The proposal `id`, if there is one.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn get(&self, id: &str) -> Result<Option<Proposal>, StorageError> {
        let found = self.0.books.proposals.get(id).await?;
        Ok(found.map(|(proposal, _)| proposal))
    }

    /// One page of proposals, newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn list(
        &self,
        filter: &ProposalFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Proposal>, Option<Cursor>), StorageError> {
        let index = match &filter.incident {
            Some(_) => "incident",
            None => "recent",
        };
        let query = Query::by_index(index, filter.prefixes(), limit);
        let query = query.descending().after(after);
        self.0.books.proposals.query(&query).await
    }

    /// The execution `id`, if there is one.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn execution(&self, id: &str) -> Result<Option<Execution>, StorageError> {
        let found = self.0.books.executions.get(id).await?;
        Ok(found.map(|(execution, _)| execution))
    }

    /// One page of executions, newest first; those of one proposal if it is named.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn executions(
        &self,
        proposal: Option<&str>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Execution>, Option<Cursor>), StorageError> {
        let query = match proposal {
            Some(proposal) => Query::by_index("proposal", vec![vec![proposal.to_owned()]], limit),
            None => Query::by_index("recent", vec![Vec::new()], limit),
        };
        self.0
            .books
            .executions
            .query(&query.descending().after(after))
            .await
    }
}

impl ProposalFilter {
    fn prefixes(&self) -> Vec<Vec<String>> {
        let statuses = if self.statuses.is_empty() {
            &ProposalStatus::ALL[..]
        } else {
            &self.statuses
        };
        let incident = self.incident.as_ref().map(ToString::to_string);
        let prefix = |status: &ProposalStatus| {
            let status = status.as_str().to_owned();
            incident.clone().into_iter().chain([status]).collect()
        };
        statuses.iter().map(prefix).collect()
    }
}
