//! Reads: pages over a declared index, continued by a cursor.

use std::fmt;
use std::sync::Arc;

use super::{Definition, StorageError};

/// A stored document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its key.
    pub key: String,
    /// Its version: 1 when first written, one more with each later write; 1 again after it was removed.
    pub version: u64,
    /// The document as JSON text.
    pub json: Arc<str>,
}

/// Which documents to read, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The index to read; `None` reads in key order.
    pub index: Option<&'static str>,
    /// With an index: the prefixes to read, each as long as the index declares. Their documents are merged in order;
    /// without prefixes there are none. An index that declares no prefix is read whole, whatever stands here.
    pub prefixes: Vec<Vec<String>>,
    /// With an index: only sort values `>= from`.
    pub from: Option<i64>,
    /// With an index: only sort values `< until`.
    pub until: Option<i64>,
    /// The direction. Documents with equal sort values are ordered by key, in the same direction.
    pub order: Order,
    /// Continue behind the page that gave this cursor.
    pub after: Option<Cursor>,
    /// How many documents at most; 0 gives an empty page without a cursor.
    pub limit: usize,
}

/// The direction of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

impl Query {
    /// Up to `limit` documents in ascending key order.
    #[must_use]
    pub fn by_key(limit: usize) -> Self {
        Self {
            index: None,
            prefixes: Vec::new(),
            from: None,
            until: None,
            order: Order::Ascending,
            after: None,
            limit,
        }
    }

    /// Up to `limit` documents of `index` that have one of `prefixes`, in ascending order.
    #[must_use]
    pub fn by_index(index: &'static str, prefixes: Vec<Vec<String>>, limit: usize) -> Self {
        Self {
            index: Some(index),
            prefixes,
            ..Self::by_key(limit)
        }
    }

    /// The same query, largest first.
    #[must_use]
    pub fn descending(self) -> Self {
        Self {
            order: Order::Descending,
            ..self
        }
    }

    /// The same query, continued behind `after`.
    #[must_use]
    pub fn after(self, after: Option<Cursor>) -> Self {
        Self { after, ..self }
    }
}

/// One page of a query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The documents, in order.
    pub documents: Vec<Document>,
    /// Where the next page starts; `None` when there is no further document.
    pub next: Option<Cursor>,
}

impl Page {
    /// The first `limit` documents of `found`, and a cursor if there are more. Each comes with its sort value.
    pub fn fill(limit: usize, found: impl IntoIterator<Item = (i64, Document)>) -> Self {
        let mut found = found.into_iter();
        let mut documents = Vec::new();
        let mut last_sort = 0;
        for (sort, document) in found.by_ref().take(limit) {
            last_sort = sort;
            documents.push(document);
        }
        let last = documents.last().filter(|_| found.next().is_some());
        let next = last.map(|last| Cursor {
            sort: last_sort,
            key: last.key.clone(),
        });
        Self { documents, next }
    }
}

impl Definition {
    /// Where the index `name` stands among the declared ones, and the prefixes of it that `query` reads: each once.
    ///
    /// # Errors
    /// [`StorageError::NoSuchIndex`], or [`StorageError::Shape`] for a prefix of another length.
    pub fn prefixes<'q>(
        &self,
        collection: &str,
        name: &str,
        query: &'q Query,
    ) -> Result<(usize, Vec<&'q [String]>), StorageError> {
        let missing = || StorageError::NoSuchIndex {
            collection: collection.to_owned(),
            index: name.to_owned(),
        };
        let declared = self
            .indexes
            .iter()
            .enumerate()
            .find(|(_, spec)| spec.name == name);
        let (position, spec) = declared.ok_or_else(missing)?;
        if spec.prefix == 0 {
            return Ok((position, vec![&[]]));
        }
        let mut prefixes: Vec<&[String]> = query.prefixes.iter().map(Vec::as_slice).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        match prefixes.iter().find(|prefix| prefix.len() != spec.prefix) {
            None => Ok((position, prefixes)),
            Some(prefix) => Err(StorageError::Shape {
                what: format!("a query of `{collection}`"),
                detail: format!(
                    "prefix {prefix:?} for index `{name}` of {} values",
                    spec.prefix
                ),
            }),
        }
    }
}

/// A position in the order of a query: the sort value and key of the last document seen.
///
/// The text form is opaque to clients. A cursor belongs to one query; used with another it starts at that position
/// of the other's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The sort value of the last document; 0 in key order.
    pub sort: i64,
    /// The key of the last document.
    pub key: String,
}

/// A text that is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that this server gave out")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.", self.sort.cast_unsigned())?;
        self.key
            .bytes()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (sort, key) = text.split_once('.').ok_or(CursorError)?;
        let sort = u64::from_str_radix(sort, 16)
            .map_err(|_| CursorError)?
            .cast_signed();
        let bytes: Option<Vec<u8>> = key.as_bytes().chunks(2).map(hex_byte).collect();
        let key = String::from_utf8(bytes.ok_or(CursorError)?).map_err(|_| CursorError)?;
        Ok(Self { sort, key })
    }
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    let &[high, low] = pair else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_round_trips_through_its_text_form() {
        for cursor in [
            Cursor {
                sort: 0,
                key: String::new(),
            },
            Cursor {
                sort: -5,
                key: "ä/1".into(),
            },
            Cursor {
                sort: i64::MAX,
                key: "x".repeat(300),
            },
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }

    #[test]
    fn foreign_text_is_not_a_cursor() {
        for text in ["", "1", "1.f", "zz.00", "1.zz", "1.ff", "1.0ä"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }
}
