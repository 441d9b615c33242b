//! One collection's table, columns and statements.
//!
//! Names come from the collection's number, so no text from outside ever becomes part of a statement.

use std::sync::Arc;

use opspilot_core::storage::{Definition, IndexSpec};

/// Multi-row statements exist for these numbers of rows: few enough to stay prepared, close enough to need few.
const ROWS: [usize; 8] = [128, 64, 32, 16, 8, 4, 2, 1];
/// SQLite allows 32,766 variables in a statement.
const MOST_VARIABLES: usize = 32_000;

/// How a collection is kept.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) id: i64,
    pub(super) definition: Definition,
    inserts: Vec<(usize, Arc<str>)>,
    lookups: Vec<(usize, Arc<str>)>,
    pub(super) delete: Arc<str>,
    pub(super) delete_from: Arc<str>,
    pub(super) delete_range: Arc<str>,
    pub(super) get: Arc<str>,
}

impl Shape {
    pub(super) fn new(id: i64, definition: Definition) -> Self {
        let table = table(id);
        let columns = columns(definition.indexes);
        let most_rows = MOST_VARIABLES / (columns.len() + 3);
        let sizes = || {
            ROWS.into_iter()
                .filter(|&rows| rows <= most_rows || rows == 1)
        };
        let lookup = |rows| {
            format!(
                "SELECT key, version FROM {table} WHERE key IN ({})",
                repeat("?", rows)
            )
        };
        Self {
            id,
            definition,
            inserts: sizes()
                .map(|rows| (rows, insert(&table, &columns, rows).into()))
                .collect(),
            lookups: sizes().map(|rows| (rows, lookup(rows).into())).collect(),
            delete: format!("DELETE FROM {table} WHERE key = ?").into(),
            delete_from: format!("DELETE FROM {table} WHERE key >= ?").into(),
            delete_range: format!("DELETE FROM {table} WHERE key >= ? AND key < ?").into(),
            get: format!("SELECT key, version, json FROM {table} WHERE key = ?").into(),
        }
    }

    pub(super) fn table(&self) -> String {
        table(self.id)
    }

    /// The largest statement that inserts or replaces no more than `rows` rows, and its number of rows.
    ///
    /// Its variables are, row by row: key, version, JSON, and each index's prefix values and sort value. A stored
    /// version grows by one whatever is given.
    pub(super) fn insert(&self, rows: usize) -> Option<&(usize, Arc<str>)> {
        self.inserts.iter().find(|(size, _)| *size <= rows)
    }

    /// The largest statement that reads the versions of no more than `keys` keys, and its number of keys.
    pub(super) fn lookup(&self, keys: usize) -> Option<&(usize, Arc<str>)> {
        self.lookups.iter().find(|(size, _)| *size <= keys)
    }

    /// The statements that create the table, its indexes, and what keeps the number of its documents.
    pub(super) fn create(&self) -> String {
        let Self { id, .. } = self;
        let table = self.table();
        let columns: String = columns(self.definition.indexes)
            .iter()
            .map(|(name, kind)| format!(", {name} {kind}"))
            .collect();
        let mut sql = format!(
            "CREATE TABLE {table} (key TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, json TEXT NOT NULL{columns});
             CREATE TRIGGER {table}_added AFTER INSERT ON {table}
             BEGIN UPDATE collections SET documents = documents + 1 WHERE id = {id}; END;
             CREATE TRIGGER {table}_removed AFTER DELETE ON {table}
             BEGIN UPDATE collections SET documents = documents - 1 WHERE id = {id}; END;"
        );
        for (position, spec) in self.definition.indexes.iter().enumerate() {
            let columns: String = prefix_columns(position, spec)
                .map(|column| format!("{column}, "))
                .collect();
            let sort = sort_column(position);
            let index = format!(
                "CREATE INDEX {table}_{position} ON {table} ({columns}{sort}, key) WHERE {sort} IS NOT NULL;"
            );
            sql.push_str(&index);
        }
        sql
    }
}

pub(super) fn table(id: i64) -> String {
    format!("documents_{id}")
}

pub(super) fn prefix_columns(position: usize, spec: &IndexSpec) -> impl Iterator<Item = String> {
    (0..spec.prefix).map(move |value| format!("p{position}_{value}"))
}

pub(super) fn sort_column(position: usize) -> String {
    format!("s{position}")
}

fn columns(indexes: &[IndexSpec]) -> Vec<(String, &'static str)> {
    let of_index = |(position, spec)| {
        let prefix = prefix_columns(position, spec).map(|name| (name, "TEXT"));
        prefix.chain([(sort_column(position), "INTEGER")])
    };
    indexes.iter().enumerate().flat_map(of_index).collect()
}

fn insert(table: &str, columns: &[(String, &str)], rows: usize) -> String {
    let names: String = columns
        .iter()
        .map(|(name, _)| format!(", {name}"))
        .collect();
    let updates: String = columns
        .iter()
        .map(|(name, _)| format!(", {name} = excluded.{name}"))
        .collect();
    let row = format!("({})", repeat("?", columns.len() + 3));
    // A failed statement ends the whole transaction (`OR ROLLBACK`): so SQLite need not copy every page it touches to
    // be able to undo this statement alone, which doubles the cost.
    format!(
        "INSERT OR ROLLBACK INTO {table} (key, version, json{names}) VALUES {} \
         ON CONFLICT (key) DO UPDATE SET version = version + 1, json = excluded.json{updates}",
        repeat(&row, rows)
    )
}

fn repeat(item: &str, times: usize) -> String {
    vec![item; times].join(",")
}
