//! Reads: a document, a page, a count.

use std::sync::Arc;

use opspilot_core::storage::{Cursor, Document, Order, Page, Query, StorageError};
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Row, SqlitePool};

use super::shape::{Shape, prefix_columns, sort_column};

/// How many prefixes one statement merges. SQLite allows 500 parts in a compound statement.
const MOST_PREFIXES: usize = 100;

pub(super) async fn get(
    pool: &SqlitePool,
    shape: &Shape,
    key: &str,
) -> Result<Option<Document>, sqlx::Error> {
    let row = sqlx::query(AssertSqlSafe(Arc::clone(&shape.get)))
        .bind(key)
        .fetch_optional(pool)
        .await?;
    row.map(|row| document(&row)).transpose()
}

pub(super) async fn count(pool: &SqlitePool, shape: &Shape) -> Result<u64, sqlx::Error> {
    let count = sqlx::query_scalar("SELECT documents FROM collections WHERE id = ?").bind(shape.id);
    count.fetch_one(pool).await.map(i64::cast_unsigned)
}

/// How to read a page.
#[derive(Debug)]
pub(super) struct Plan<'q> {
    query: &'q Query,
    table: String,
    /// The sort column; a constant in key order.
    sort: String,
    /// The columns of a prefix.
    prefix: Vec<String>,
    prefixes: Vec<&'q [String]>,
}

impl<'q> Plan<'q> {
    pub(super) fn new(
        shape: &Shape,
        collection: &str,
        query: &'q Query,
    ) -> Result<Self, StorageError> {
        let table = shape.table();
        let Some(name) = query.index else {
            return Ok(Self {
                query,
                table,
                sort: "0".into(),
                prefix: Vec::new(),
                prefixes: vec![&[]],
            });
        };
        let (position, prefixes) = shape.definition.prefixes(collection, name, query)?;
        let spec = shape.definition.indexes.get(position);
        let prefix = spec
            .map(|spec| prefix_columns(position, spec).collect())
            .unwrap_or_default();
        Ok(Self {
            query,
            table,
            sort: sort_column(position),
            prefix,
            prefixes,
        })
    }

    pub(super) async fn page(&self, pool: &SqlitePool) -> Result<Page, sqlx::Error> {
        if self.query.limit == 0 || self.is_empty() {
            return Ok(Page::default());
        }
        let mut found = Vec::new();
        for prefixes in self.prefixes.chunks(MOST_PREFIXES) {
            let (statement, arguments) = self.statement(prefixes)?;
            for row in sqlx::query_with(AssertSqlSafe(statement), arguments)
                .fetch_all(pool)
                .await?
            {
                found.push((row.try_get(3)?, document(&row)?));
            }
        }
        if self.prefixes.len() > MOST_PREFIXES {
            found.sort_by(|(left_sort, left), (right_sort, right)| {
                let ascending = (left_sort, &left.key).cmp(&(right_sort, &right.key));
                if self.query.order == Order::Ascending {
                    ascending
                } else {
                    ascending.reverse()
                }
            });
        }
        Ok(Page::fill(self.query.limit, found))
    }

    #[cfg(test)]
    pub(super) fn prefixes(&self) -> &[&'q [String]] {
        &self.prefixes
    }

    fn is_empty(&self) -> bool {
        self.query.index.is_some() && self.query.until == Some(i64::MIN)
    }

    /// One part for each prefix, which SQLite reads from the index in order and merges.
    pub(super) fn statement(
        &self,
        prefixes: &[&[String]],
    ) -> Result<(String, SqliteArguments), sqlx::Error> {
        let part = self.part();
        let parts = vec![part.as_str(); prefixes.len()].join(" UNION ALL ");
        let direction = if self.query.order == Order::Ascending {
            "ASC"
        } else {
            "DESC"
        };
        let order = match self.query.index {
            None => format!("1 {direction}"),
            Some(_) => format!("4 {direction}, 1 {direction}"),
        };
        let mut arguments = SqliteArguments::default();
        for prefix in prefixes {
            self.bind(&mut arguments, prefix)
                .map_err(sqlx::Error::Encode)?;
        }
        // A number, because SQLite prepares a statement anew whenever a variable limit is bound.
        let limit = self.query.limit.saturating_add(1);
        let statement = format!("{parts} ORDER BY {order} LIMIT {limit}");
        Ok((statement, arguments))
    }

    fn part(&self) -> String {
        let Self {
            query,
            table,
            sort,
            prefix,
            ..
        } = self;
        let mut conditions: Vec<String> = prefix
            .iter()
            .map(|column| format!("{column} = ?"))
            .collect();
        if query.index.is_some() {
            // Both bounds are always present: a comparison tells SQLite that the index, which leaves NULL out, has
            // every row. And each is one condition, because SQLite seeks by one and tests others row by row.
            let behind = format!("({sort}, key) {} (?, ?)", self.behind());
            let low = if self.low().is_some() {
                behind.clone()
            } else {
                format!("{sort} >= ?")
            };
            let high = if self.high().is_some() {
                behind
            } else {
                format!("{sort} <= ?")
            };
            conditions.extend([low, high]);
        } else if query.after.is_some() {
            conditions.push(format!("key {} ?", self.behind()));
        } else {
            conditions.push("TRUE".to_owned());
        }
        format!(
            "SELECT key, version, json, {sort} FROM {table} WHERE {}",
            conditions.join(" AND ")
        )
    }

    fn bind(&self, arguments: &mut SqliteArguments, prefix: &[String]) -> Result<(), BoxDynError> {
        for value in prefix {
            arguments.add(value)?;
        }
        if self.query.index.is_some() {
            bind_bound(arguments, self.low(), self.from())?;
            bind_bound(arguments, self.high(), self.last())?;
        } else if let Some(cursor) = &self.query.after {
            arguments.add(&cursor.key)?;
        }
        Ok(())
    }

    fn behind(&self) -> &'static str {
        if self.query.order == Order::Ascending {
            ">"
        } else {
            "<"
        }
    }

    fn from(&self) -> i64 {
        self.query.from.unwrap_or(i64::MIN)
    }

    /// The largest sort value asked for. [`Plan::is_empty`] has refused the one bound that has nothing below it.
    fn last(&self) -> i64 {
        self.query
            .until
            .map_or(i64::MAX, |until| until.saturating_sub(1))
    }

    /// The cursor, if it is what bounds the page from below.
    fn low(&self) -> Option<&Cursor> {
        let after = self
            .query
            .after
            .as_ref()
            .filter(|_| self.query.order == Order::Ascending);
        after.filter(|cursor| cursor.sort >= self.from())
    }

    /// The cursor, if it is what bounds the page from above.
    fn high(&self) -> Option<&Cursor> {
        let after = self
            .query
            .after
            .as_ref()
            .filter(|_| self.query.order == Order::Descending);
        after.filter(|cursor| cursor.sort <= self.last())
    }
}

fn bind_bound(
    arguments: &mut SqliteArguments,
    cursor: Option<&Cursor>,
    sort: i64,
) -> Result<(), BoxDynError> {
    match cursor {
        None => arguments.add(sort),
        Some(cursor) => {
            arguments.add(cursor.sort)?;
            arguments.add(&cursor.key)
        }
    }
}

fn document(row: &SqliteRow) -> Result<Document, sqlx::Error> {
    let version: i64 = row.try_get(1)?;
    Ok(Document {
        key: row.try_get(0)?,
        version: version.cast_unsigned(),
        json: row.try_get::<&str, _>(2)?.into(),
    })
}
