//! Rotations, and the hours to which a layer is restricted. All of it is in local time.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ScheduleError;
use super::zone::{Zone, local};
use crate::clock::Timestamp;

/// People who take turns.
///
/// Turn `n` begins at `start + n × step` on the clock of the zone: a hand-over at 09:00 stays at 09:00 whether clocks
/// were changed or not, so a turn may be an hour shorter or longer. A hand-over whose local time is skipped happens when
/// the clocks jump, and one whose local time comes twice happens the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    people: Vec<String>,
    start: DateTime,
    step: SignedDuration,
}

/// How long a turn is, on the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many hours.
    Hours(u32),
    /// So many days.
    Days(u32),
    /// So many weeks.
    Weeks(u32),
}

/// The hours and days on which a layer has anybody at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    from: Time,
    until: Time,
    days: [bool; 7],
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// Who has a turn, and when it ends; `None` for never.
pub(super) type Turn<'a> = (Option<&'a str>, Option<Timestamp>);

impl Rotation {
    /// The rotation of `people`, whose first turn begins at the local time `start`.
    ///
    /// # Errors
    /// When `start` is not a local time, nobody takes turns, or a turn has no length.
    pub fn parse(people: Vec<String>, start: &str, step: Step) -> Result<Self, ScheduleError> {
        let step = step.length();
        if people.is_empty() {
            return Err(ScheduleError(
                "nobody takes turns: name at least one person".into(),
            ));
        }
        if !step.is_positive() {
            return Err(ScheduleError(
                "a turn has no length: write at least 1".into(),
            ));
        }
        let start = local(start)?;
        Ok(Self {
            people,
            start,
            step,
        })
    }

    /// The ids of the people, in the order of their turns.
    #[must_use]
    pub fn people(&self) -> &[String] {
        &self.people
    }

    /// Who has the turn at `at`: exactly one person from the start on, and nobody before.
    pub(super) fn turn(&self, zone: &Zone, at: Timestamp) -> Turn<'_> {
        let Some(number) = self.number(zone, at) else {
            return (None, self.hand_over(zone, 0));
        };
        let count = i64::try_from(self.people.len()).unwrap_or(1);
        let index = usize::try_from(number.rem_euclid(count)).unwrap_or(0);
        let person = self.people.get(index).map(String::as_str);
        (person, self.hand_over(zone, number + 1))
    }

    /// The number of the turn at `at`, from 0; `None` before the first.
    fn number(&self, zone: &Zone, at: Timestamp) -> Option<i64> {
        let elapsed = zone.local(at).duration_since(self.start);
        let mut number = elapsed.as_secs().div_euclid(self.step.as_secs());
        // The estimate is off by as much as clocks were changed around `at`, which is a day at most.
        let begins = |number| self.hand_over(zone, number);
        while begins(number + 1).is_some_and(|next| next <= at) {
            number += 1;
        }
        while number >= 0 && begins(number).is_some_and(|first| first > at) {
            number -= 1;
        }
        (number >= 0).then_some(number)
    }

    /// When turn `number` begins; `None` beyond the calendar.
    fn hand_over(&self, zone: &Zone, number: i64) -> Option<Timestamp> {
        let seconds = self.step.as_secs().checked_mul(number)?;
        let local = self.start.checked_add(SignedDuration::from_secs(seconds));
        zone.first(local.ok()?)
    }
}

impl Step {
    fn length(self) -> SignedDuration {
        const HOUR: i64 = 3_600;
        let seconds = match self {
            Self::Hours(count) => i64::from(count) * HOUR,
            Self::Days(count) => i64::from(count) * 24 * HOUR,
            Self::Weeks(count) => i64::from(count) * 7 * 24 * HOUR,
        };
        SignedDuration::from_secs(seconds)
    }
}

impl Restriction {
    /// From one local time of the day until another, on `days`; no days are all days. An end that is not later than the
    /// begin lies on the next day, so `22:00` until `06:00` is a night, which belongs to the day on which it begins, and
    /// `00:00` until `00:00` is a whole day.
    ///
    /// # Errors
    /// When a text is not a time of the day.
    pub fn parse(from: &str, until: &str, days: &[Weekday]) -> Result<Self, ScheduleError> {
        let day = |day: usize| days.is_empty() || days.iter().any(|known| known.number() == day);
        Ok(Self {
            from: time(from)?,
            until: time(until)?,
            days: std::array::from_fn(day),
        })
    }

    /// Whether `at` lies inside, and until when that is so.
    pub(super) fn holds(&self, zone: &Zone, at: Timestamp) -> (bool, Option<Timestamp>) {
        let today = zone.local(at).date();
        // A window that began yesterday may last; where clocks go back over midnight, tomorrow's may have begun.
        let windows = |days: std::ops::RangeInclusive<i64>| {
            days.filter_map(|offset| self.window(zone, shifted(today, offset)?))
        };
        if let Some((_, until)) = windows(-1..=1).find(|(from, until)| *from <= at && at < *until) {
            return (true, Some(until));
        }
        let next = windows(-1..=9)
            .map(|(from, _)| from)
            .find(|from| *from > at);
        (false, next)
    }

    /// The window that begins on `date`, if one does.
    fn window(&self, zone: &Zone, date: Date) -> Option<(Timestamp, Timestamp)> {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        if !*self.days.get(day)? {
            return None;
        }
        let last = if self.until > self.from {
            date
        } else {
            shifted(date, 1)?
        };
        let from = zone.first(date.to_datetime(self.from))?;
        let until = zone.first(last.to_datetime(self.until))?;
        Some((from, until))
    }
}

impl Weekday {
    /// Monday is 0.
    const fn number(self) -> usize {
        match self {
            Self::Mon => 0,
            Self::Tue => 1,
            Self::Wed => 2,
            Self::Thu => 3,
            Self::Fri => 4,
            Self::Sat => 5,
            Self::Sun => 6,
        }
    }
}

fn shifted(date: Date, days: i64) -> Option<Date> {
    date.checked_add(SignedDuration::from_hours(24 * days)).ok()
}

fn time(text: &str) -> Result<Time, ScheduleError> {
    text.parse().map_err(|_| {
        ScheduleError(format!(
            "`{text}` is not a time of the day: write one such as `09:00`"
        ))
    })
}
