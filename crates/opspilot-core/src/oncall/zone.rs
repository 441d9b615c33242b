//! Time zones, and what a local time means on the days when clocks are changed.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::ScheduleError;
use crate::clock::Timestamp;

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone called `name`, for example `Europe/Berlin` or `UTC`.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn parse(name: &str) -> Result<Self, ScheduleError> {
        let found = TimeZoneDatabase::bundled().get(name);
        found.map(Self).map_err(|_| {
            ScheduleError(format!(
                "`{name}` is not a time zone: write a name of the IANA database such as `Europe/Berlin`"
            ))
        })
    }

    /// The name, for example `Europe/Berlin`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Reads a moment: a local time of this zone (`2026-01-05T09:00`), or one with an offset (`2026-01-05T08:00Z`).
    ///
    /// # Errors
    /// When `text` is neither.
    pub fn moment(&self, text: &str) -> Result<Timestamp, ScheduleError> {
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Ok(Timestamp::from_millis(moment.as_millisecond()));
        }
        self.first(local(text)?).ok_or_else(|| beyond(text))
    }

    /// What the clocks of the zone show at `at`.
    pub(super) fn local(&self, at: Timestamp) -> DateTime {
        let bound = if at.as_millis() < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        };
        let moment = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(bound);
        self.0.to_datetime(moment)
    }

    /// The first moment at which the clocks of the zone show `local` or later: a local time that comes twice is taken
    /// the first time, and one that is skipped is the moment of the jump. So later local times are never earlier moments.
    /// `None` beyond the calendar.
    pub(super) fn first(&self, local: DateTime) -> Option<Timestamp> {
        let moment = match self.0.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok()?,
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok()?,
            AmbiguousOffset::Gap { after, .. } => {
                let before_the_jump = after.to_timestamp(local).ok()?;
                self.0.following(before_the_jump).next()?.timestamp()
            }
        };
        Some(Timestamp::from_millis(moment.as_millisecond()))
    }
}

/// Reads a local time such as `2026-01-05T09:00`.
pub(super) fn local(text: &str) -> Result<DateTime, ScheduleError> {
    text.parse().map_err(|_| {
        ScheduleError(format!(
            "`{text}` is not a local time: write a date and a time such as `2026-01-05T09:00`"
        ))
    })
}

fn beyond(text: &str) -> ScheduleError {
    ScheduleError(format!("`{text}` is beyond the calendar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(zone: &str, local: &str, expected: &str) {
        let found = Zone::parse(zone).unwrap().moment(local).unwrap();
        assert_eq!(found, Timestamp::parse(expected).unwrap(), "{local}");
    }

    #[test]
    fn local_times_are_moments() {
        check("Europe/Berlin", "2026-01-05T09:00", "2026-01-05T08:00:00Z");
        check("Europe/Berlin", "2026-07-06T09:00", "2026-07-06T07:00:00Z");
        check(
            "Europe/Berlin",
            "2026-07-06T09:00-04:00",
            "2026-07-06T13:00:00Z",
        );
        check("UTC", "2026-07-06", "2026-07-06T00:00:00Z");
    }

    #[test]
    fn a_skipped_time_is_the_moment_of_the_jump() {
        // Clocks go from 02:00 to 03:00 at 01:00 UTC.
        check("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00:00Z");
        check("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00:00Z");
        // Samoa had no 30 December 2011.
        check("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T10:00:00Z");
    }

    #[test]
    fn a_repeated_time_is_taken_the_first_time() {
        check("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00Z");
    }

    #[test]
    fn rules_go_on_beyond_the_listed_transitions() {
        check(
            "America/New_York",
            "2090-07-01T09:00",
            "2090-07-01T13:00:00Z",
        );
    }

    #[test]
    fn a_wrong_name_or_time_is_refused() {
        assert!(Zone::parse("Europe/Bärlin").is_err());
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        for text in ["", "9 o'clock", "2026-13-01T09:00", "2026-02-30T09:00"] {
            assert!(berlin.moment(text).is_err(), "{text}");
        }
    }
}
