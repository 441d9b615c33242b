//! One ordered sequence out of several.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use super::table::Position;
use crate::storage::{Order, Query};

/// The positions of all `sets` that `query` asks for, in its order.
pub(super) fn merge<'a>(sets: Vec<&'a BTreeSet<Position>>, query: &Query) -> Merge<'a> {
    let range = range(query);
    let sources = sets
        .into_iter()
        .filter_map(|set| Some(source(set, range.clone()?, query.order).peekable()));
    Merge {
        sources: sources.collect(),
        order: query.order,
    }
}

/// Takes the next position from whichever source has it. There are as many sources as a filter has values, so
/// looking at each is cheaper than a heap.
pub(super) struct Merge<'a> {
    sources: Vec<Peekable<Source<'a>>>,
    order: Order,
}

type Source<'a> = Box<dyn Iterator<Item = &'a Position> + 'a>;
type Range = (Bound<Position>, Bound<Position>);

impl<'a> Iterator for Merge<'a> {
    type Item = &'a Position;

    fn next(&mut self) -> Option<&'a Position> {
        let mut best: Option<(usize, &Position)> = None;
        for (source, positions) in self.sources.iter_mut().enumerate() {
            let Some(&position) = positions.peek() else {
                continue;
            };
            let is_first = best.is_none_or(|(_, first)| match self.order {
                Order::Ascending => position < first,
                Order::Descending => position > first,
            });
            if is_first {
                best = Some((source, position));
            }
        }
        let (source, _) = best?;
        self.sources.get_mut(source)?.next()
    }
}

fn source(set: &BTreeSet<Position>, range: Range, order: Order) -> Source<'_> {
    match order {
        Order::Ascending => Box::new(set.range(range)),
        Order::Descending => Box::new(set.range(range).rev()),
    }
}

/// The positions between the query's bounds and behind its cursor; `None` if there can be none.
fn range(query: &Query) -> Option<Range> {
    // The empty key is the smallest, so these bounds lie before every document with that sort value.
    let before = |sort: i64| -> Position { (sort, Arc::from("")) };
    let mut low = query
        .from
        .map_or(Bound::Unbounded, |from| Bound::Included(before(from)));
    let mut high = query
        .until
        .map_or(Bound::Unbounded, |until| Bound::Excluded(before(until)));
    if let Some(cursor) = &query.after {
        let seen: Position = (cursor.sort, Arc::from(cursor.key.as_str()));
        match query.order {
            Order::Ascending if is_above(&seen, &low) => low = Bound::Excluded(seen),
            Order::Descending if is_below(&seen, &high) => high = Bound::Excluded(seen),
            Order::Ascending | Order::Descending => {}
        }
    }
    is_possible(&low, &high).then_some((low, high))
}

fn is_above(seen: &Position, low: &Bound<Position>) -> bool {
    match low {
        Bound::Included(low) | Bound::Excluded(low) => seen >= low,
        Bound::Unbounded => true,
    }
}

fn is_below(seen: &Position, high: &Bound<Position>) -> bool {
    match high {
        Bound::Included(high) | Bound::Excluded(high) => seen < high,
        Bound::Unbounded => true,
    }
}

/// `BTreeSet::range` panics on bounds in the wrong order.
fn is_possible(low: &Bound<Position>, high: &Bound<Position>) -> bool {
    match (low, high) {
        (
            Bound::Included(low) | Bound::Excluded(low),
            Bound::Included(high) | Bound::Excluded(high),
        ) => low < high,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => true,
    }
}
