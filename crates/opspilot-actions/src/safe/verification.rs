//! Post-conditions: whether an action helped.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use opspilot_core::error::chain;
use opspilot_core::incident::{Incident, IncidentError, IncidentId};
use opspilot_core::module::BuildError;
use opspilot_core::safety::catalogue::Verdict;
use reqwest::Url;

use super::catalogue::{PostCondition, Values};
use super::deed::command::{Program, outcome};
use super::deed::web::{self, Reach};
use super::deed::{Deed as _, Site, World};

/// How long to wait before an address is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How often an incident is looked at while it shall be quiet.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// A post-condition that was checked.
#[derive(Debug)]
pub(crate) enum Verification {
    /// An address answers as it should.
    Address(Address),
    /// A program ends with exit code 0.
    Program(Box<Program>),
    /// The incident does not repeat for this long.
    Quiet(Duration),
}

/// An address, and what it should answer.
#[derive(Debug)]
pub(crate) struct Address {
    url: Url,
    statuses: BTreeSet<u16>,
    within: Duration,
    reach: Reach,
}

impl Verification {
    /// Checks the options of `site`.
    ///
    /// # Errors
    /// Every fault.
    pub(crate) fn parse(options: &PostCondition, site: &Site<'_>) -> Result<Self, BuildError> {
        match options {
            PostCondition::Http {
                url,
                expect_status,
                within_seconds,
                allow_private,
            } => {
                let (mut faults, url) = (Vec::new(), web::parse_url(url));
                if let Err(fault) = &url {
                    faults.push(site.fault("url", fault.as_str()));
                }
                if expect_status.is_empty()
                    || expect_status
                        .iter()
                        .any(|status| !(100..=599).contains(status))
                {
                    faults.push(site.fault("expectStatus", "must list statuses from 100 to 599"));
                }
                if !(1..=3_600).contains(within_seconds) {
                    faults.push(site.fault("withinSeconds", "must be from 1 to 3600"));
                }
                match (BuildError::join(faults), url) {
                    (None, Ok(url)) => Ok(Self::Address(Address {
                        url,
                        statuses: expect_status.iter().copied().collect(),
                        within: Duration::from_secs(*within_seconds),
                        reach: if *allow_private {
                            Reach::Private
                        } else {
                            Reach::Public
                        },
                    })),
                    (fault, _) => Err(fault.unwrap_or_else(|| site.fault("url", "cannot be used"))),
                }
            }
            PostCondition::Command(options) => {
                Program::parse(options, site).map(|program| Self::Program(Box::new(program)))
            }
            PostCondition::Quiet { minutes } if (1..=1_440).contains(minutes) => {
                Ok(Self::Quiet(Duration::from_mins(*minutes)))
            }
            PostCondition::Quiet { .. } => Err(site.fault("minutes", "must be from 1 to 1440")),
        }
    }

    /// What it looks at, in one line.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Address(address) => {
                let statuses: Vec<_> = address.statuses.iter().map(u16::to_string).collect();
                let within = address.within.as_secs();
                format!(
                    "{} answers {} within {within} s",
                    address.url,
                    statuses.join(" or ")
                )
            }
            Self::Program(program) => match program.plan(&Values::new()) {
                Ok(planned) => format!("{} ends with exit code 0", planned.target),
                Err(_) => "a program ends with exit code 0".to_owned(),
            },
            Self::Quiet(time) => {
                format!(
                    "the incident does not repeat for {} minutes",
                    time.as_secs() / 60
                )
            }
        }
    }

    /// The parameters that it uses.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        match self {
            Self::Program(program) => program.names(),
            Self::Address(_) | Self::Quiet(_) => BTreeSet::new(),
        }
    }

    /// Why these values cannot stand where it uses them.
    pub(crate) fn faults(&self, values: &Values) -> Vec<String> {
        match self {
            Self::Program(program) => program.plan(values).err().unwrap_or_default(),
            Self::Address(_) | Self::Quiet(_) => Vec::new(),
        }
    }

    /// Looks until it is clear whether the action helped.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing; a program that it runs is ended.
    pub(crate) async fn verify(
        &self,
        values: &Values,
        incident: Option<&IncidentId>,
        world: &World,
    ) -> Verdict {
        match self {
            Self::Address(address) => address.ask(world).await,
            Self::Program(program) => {
                let outcome = outcome(program.run(values, world).await);
                verdict(outcome.succeeded, outcome.summary)
            }
            Self::Quiet(time) => watch(*time, incident, world).await,
        }
    }
}

impl Address {
    /// Asks until the answer is right or the time is up.
    async fn ask(&self, world: &World) -> Verdict {
        let client = match web::client(self.reach, ANSWER_TIMEOUT.min(self.within)) {
            Ok(client) => client,
            Err(error) => return verdict(false, chain(&error)),
        };
        let deadline = world.clock.now().plus(self.within);
        loop {
            let seen = match client.get(self.url.clone()).send().await {
                Ok(response) if self.statuses.contains(&response.status().as_u16()) => {
                    return verdict(true, response.status().to_string());
                }
                Ok(response) => response.status().to_string(),
                Err(error) => chain(&error.without_url()),
            };
            if world.clock.now() >= deadline {
                return verdict(
                    false,
                    format!("still after {} s: {seen}", self.within.as_secs()),
                );
            }
            tokio::time::sleep(ASK_AGAIN.min(self.within)).await;
        }
    }
}

/// Waits for `time` and looks whether the incident was seen again.
async fn watch(time: Duration, incident: Option<&IncidentId>, world: &World) -> Verdict {
    let Some(id) = incident else {
        return verdict(
            false,
            "the action belongs to no incident that could be quiet",
        );
    };
    let begin = world.clock.now();
    let end = begin.plus(time);
    loop {
        let now = world.clock.now();
        match world.incidents.get(id).await {
            Ok(incident) if was_seen(&incident, begin) => {
                let seen_at = incident.last_seen_at;
                return verdict(false, format!("the incident was seen again at {seen_at}"));
            }
            Ok(_) | Err(IncidentError::NotFound(_)) if now >= end => {
                return verdict(true, format!("quiet for {} minutes", time.as_secs() / 60));
            }
            Ok(_) | Err(IncidentError::NotFound(_)) => {}
            Err(error) if now >= end => return verdict(false, chain(&error)),
            Err(_) => {}
        }
        tokio::time::sleep(LOOK_AGAIN.min(end.since(now))).await;
    }
}

fn was_seen(incident: &Incident, since: Timestamp) -> bool {
    incident.last_seen_at > since
}

fn verdict(passed: bool, detail: impl Into<String>) -> Verdict {
    Verdict {
        passed,
        detail: detail.into(),
    }
}
