//! The query string, read strictly: each parameter once, no unknown ones, every fault named.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use opspilot_core::clock::Timestamp;
use opspilot_core::storage::Cursor;

use super::faults::Faults;
use super::problem::{Code, Problem};

/// How many entries a page has when the caller does not say.
const PAGE: usize = 100;

/// The most entries of a page.
pub(super) const LARGEST_PAGE: usize = 500;

/// Parameters that nobody has asked for yet. [`Params::finish`] tells what is wrong with them.
#[derive(Debug)]
pub(super) struct Params {
    given: BTreeMap<String, String>,
    known: Vec<&'static str>,
    faults: Faults,
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|_| {
            Problem::of(Code::INVALID_REQUEST).detail("the query string is malformed")
        })?;
        Ok(Self::new(pairs.0))
    }
}

impl Params {
    pub(super) fn new(pairs: Vec<(String, String)>) -> Self {
        let mut params = Self {
            given: BTreeMap::new(),
            known: Vec::new(),
            faults: Faults::new("parameter"),
        };
        for (name, value) in pairs {
            if params.given.insert(name.clone(), value).is_some() {
                params
                    .faults
                    .add(&name, "is given more than once; separate values by commas");
            }
        }
        params
    }

    /// The values of a list separated by commas; empty when the parameter is absent.
    pub(super) fn list<T>(&mut self, name: &'static str) -> Vec<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(text) = self.take(name) else {
            return Vec::new();
        };
        let mut values = Vec::new();
        for part in text.split(',') {
            match part.parse() {
                Ok(value) => values.push(value),
                Err(error) => self.faults.add(name, format!("{error}")),
            }
        }
        values
    }

    /// The text of a parameter, or `None` if it is absent or empty.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.take(name).filter(|text| !text.is_empty())
    }

    /// Notes that a parameter is wrong in a way that its caller found out.
    pub(super) fn refuse(&mut self, name: &'static str, message: impl Into<String>) {
        self.faults.add(name, message);
    }

    /// A moment as RFC 3339, or `None` if the parameter is absent.
    pub(super) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        let text = self.take(name)?;
        let time = Timestamp::parse(&text).ok();
        if time.is_none() {
            self.faults
                .add(name, "write a time such as `2026-11-30T08:00:00Z`");
        }
        time
    }

    /// The page size.
    pub(super) fn limit(&mut self) -> usize {
        let Some(text) = self.take("limit") else {
            return PAGE;
        };
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text
            .parse()
            .ok()
            .filter(|limit| is_number && (1..=LARGEST_PAGE).contains(limit));
        number.unwrap_or_else(|| {
            self.faults.add(
                "limit",
                format!("write a whole number from 1 to {LARGEST_PAGE}"),
            );
            PAGE
        })
    }

    /// Where the page starts.
    pub(super) fn cursor(&mut self) -> Option<Cursor> {
        self.cursor_as()
    }

    /// Where the page starts, for lists with cursors of their own.
    pub(super) fn cursor_as<T: FromStr>(&mut self) -> Option<T> {
        let help = "write the `nextCursor` of the page before, unchanged";
        self.parsed("cursor", help)
    }

    /// A value that has one right form, which `help` tells.
    pub(super) fn parsed<T: FromStr>(&mut self, name: &'static str, help: &str) -> Option<T> {
        let text = self.take(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.faults.add(name, help);
        }
        value
    }

    /// Tells everything that is wrong.
    ///
    /// # Errors
    /// When a parameter has no value that is allowed, is given twice or is not known.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        let known = self
            .known
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ");
        for name in self.given.keys() {
            self.faults
                .add(name, format!("is not known; the parameters are {known}"));
        }
        self.faults.finish()
    }

    fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.given.remove(name)
    }
}

#[cfg(test)]
mod tests {
    use opspilot_core::incident::Severity;
    use proptest::prelude::*;

    use super::*;

    fn params(query: &str) -> Params {
        let uri = format!("/?{query}").parse().unwrap();
        Params::new(Query::try_from_uri(&uri).unwrap().0)
    }

    fn limit(query: &str) -> Result<usize, String> {
        let mut params = params(query);
        let limit = params.limit();
        params.finish().map(|()| limit).map_err(|problem| {
            problem
                .body("")
                .get("detail")
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        })
    }

    #[test]
    fn limits_are_whole_numbers_from_1_to_500() {
        assert_eq!(limit(""), Ok(100));
        assert_eq!(limit("limit=1"), Ok(1));
        assert_eq!(limit("limit=500"), Ok(500));
        for text in [
            "0",
            "501",
            "-1",
            "+5",
            "abc",
            "",
            "1.5",
            "99999999999999999999",
            "%31%00",
        ] {
            let expected = "parameter `limit`: write a whole number from 1 to 500";
            assert_eq!(
                limit(&format!("limit={text}")),
                Err(expected.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let mut params = params("severity=critical,worst&limit=0&cursor=x&actor=me&limit=5");
        assert_eq!(params.list::<Severity>("severity"), [Severity::Critical]);
        params.limit();
        assert_eq!(params.cursor(), None);
        let body = params.finish().unwrap_err().body("");
        let names: Vec<_> = body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| &e["parameter"])
            .collect();
        assert_eq!(names, ["limit", "severity", "cursor", "actor"]);
    }

    proptest! {
        #[test]
        fn no_query_string_panics(query in "[a-z0-9=&%,.]{0,80}") {
            let mut params = params(&query);
            params.list::<Severity>("severity");
            params.limit();
            params.cursor();
            params.finish().ok();
        }
    }
}
