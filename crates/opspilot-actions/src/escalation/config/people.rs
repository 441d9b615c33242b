//! People and schedules.

use opspilot_core::clock::Timestamp;
use opspilot_core::config::KeyPath;
use opspilot_core::oncall::{
    Layer, Override, Restriction, Roster, Rotation, Schedule, Source, Step, Zone,
};

use super::{Config, Every, Faults, LayerConfig, OverrideConfig, ScheduleConfig};

/// The people and schedules of the options. What is wrong is left out and taken down.
pub(super) fn roster(config: &Config, faults: &mut Faults) -> Roster {
    faults.unique(
        "people",
        config.people.iter().map(|person| person.id.as_str()),
    );
    for (index, person) in config.people.iter().enumerate() {
        let path = KeyPath::of(["people"])
            .with_index(index)
            .with_key("timeZone");
        person.time_zone.iter().for_each(|name| {
            faults.take(path.clone(), Zone::parse(name));
        });
    }
    faults.unique(
        "schedules",
        config.schedules.iter().map(|schedule| schedule.id.as_str()),
    );
    let schedules = config.schedules.iter().enumerate();
    let schedules = schedules
        .filter_map(|(index, schedule)| {
            let path = KeyPath::of(["schedules"]).with_index(index);
            Reader {
                config,
                path,
                faults,
            }
            .schedule(schedule)
        })
        .collect();
    Roster {
        people: config.people.clone(),
        schedules,
    }
}

/// Reads one schedule.
struct Reader<'a> {
    config: &'a Config,
    path: KeyPath,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    fn schedule(mut self, schedule: &ScheduleConfig) -> Option<Schedule> {
        let zone = Zone::parse(&schedule.time_zone);
        let zone = self.faults.take(self.path.with_key("timeZone"), zone)?;
        let (mut layers, mut overrides) = (Vec::new(), Vec::new());
        for (index, layer) in schedule.layers.iter().enumerate() {
            let path = self.path.with_key("layers").with_index(index);
            layers.extend(self.layer(layer, &path));
        }
        for (index, stand_in) in schedule.overrides.iter().enumerate() {
            let path = self.path.with_key("overrides").with_index(index);
            let id = format!("{}-{index}", schedule.id);
            let found = self.stand_in(stand_in, &zone, &path);
            overrides.extend(found.map(|found| Override {
                id,
                schedule: schedule.id.clone(),
                ..found
            }));
        }
        Some(Schedule {
            id: schedule.id.clone(),
            zone,
            layers,
            overrides,
        })
    }

    fn layer(&mut self, layer: &LayerConfig, path: &KeyPath) -> Option<Layer> {
        for (index, person) in layer.people.iter().enumerate() {
            self.check_person(person, path.with_key("people").with_index(index));
        }
        let step = self.faults.take(path.with_key("every"), step(layer.every));
        let restriction = layer.restrict.as_ref().map(|restrict| {
            let parsed = Restriction::parse(&restrict.from, &restrict.until, &restrict.weekdays);
            self.faults.take(path.with_key("restrict"), parsed)
        });
        let rotation = Rotation::parse(layer.people.clone(), &layer.start, step?);
        Some(Layer {
            rotation: self.faults.take(path.with_key("start"), rotation)?,
            restriction: restriction.flatten(),
        })
    }

    fn stand_in(
        &mut self,
        stand_in: &OverrideConfig,
        zone: &Zone,
        path: &KeyPath,
    ) -> Option<Override> {
        self.check_person(&stand_in.person, path.with_key("person"));
        let from = self
            .faults
            .take(path.with_key("from"), zone.moment(&stand_in.from));
        let until = self
            .faults
            .take(path.with_key("until"), zone.moment(&stand_in.until));
        let (from, until) = (from?, until?);
        if until <= from {
            self.faults
                .add(path.with_key("until"), "must be later than `from`");
        }
        Some(Override {
            id: String::new(),
            schedule: String::new(),
            person: stand_in.person.clone(),
            from,
            until,
            source: Source::Configuration,
            added_by: "configuration".into(),
            added_at: Timestamp::UNIX_EPOCH,
            reason: None,
        })
    }

    fn check_person(&mut self, id: &str, path: KeyPath) {
        if !self.config.people.iter().any(|person| person.id == id) {
            let message = format_args!("there is no person `{id}`: add them to `people`");
            self.faults.add(path, message);
        }
    }
}

fn step(every: Every) -> Result<Step, &'static str> {
    match (every.hours, every.days, every.weeks) {
        (Some(hours), None, None) => Ok(Step::Hours(hours)),
        (None, Some(days), None) => Ok(Step::Days(days)),
        (None, None, Some(weeks)) => Ok(Step::Weeks(weeks)),
        _ => Err("write exactly one of `hours`, `days` and `weeks`, for example `{ weeks: 1 }`"),
    }
}
