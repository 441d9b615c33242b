//! The name under which a notifier is told of what is meant for it alone.

use opspilot_core::bus::Consumer;
use opspilot_core::event::{Envelope, Event as _, IncidentEscalated};
use opspilot_core::oncall::Channel;

use super::Filter;

/// The id of a channel: `ops-file` for the consumer `notifier.channels/ops-file`, `slack` for `notifier.slack`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The channel whose events `consumer` reads.
    #[must_use]
    pub fn of(consumer: &Consumer) -> Self {
        Self::parse(consumer.name())
    }

    pub(super) fn parse(consumer: &str) -> Self {
        let part = consumer.split_once('/').map(|(_, part)| part);
        let own = consumer.strip_prefix("notifier.").unwrap_or(consumer);
        Self(part.unwrap_or(own).to_owned())
    }

    /// The id.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// What `action.escalation` must know of the channel.
    #[must_use]
    pub fn channel(&self, filter: &Filter) -> Channel {
        Channel {
            id: self.0.clone(),
            hears_all: filter.kinds.contains(&IncidentEscalated::TYPE),
        }
    }

    /// True if the channel is told of `event`: an escalation that names channels is told on those, whatever they listen
    /// to, and on no other.
    #[must_use]
    pub fn hears(&self, filter: &Filter, event: &Envelope) -> bool {
        if event.kind() == IncidentEscalated::TYPE
            && let Ok(escalated) = event.payload::<IncidentEscalated>()
            && !escalated.channels.is_empty()
        {
            return escalated.channels.contains(&self.0);
        }
        filter.passes(event)
    }
}

impl Filter {
    /// The wire types that a channel must read: those that it listens to, and escalations that may name it.
    #[must_use]
    pub fn reads(&self) -> Vec<&'static str> {
        let mut kinds = self.kinds.clone();
        if !kinds.contains(&IncidentEscalated::TYPE) {
            kinds.push(IncidentEscalated::TYPE);
        }
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_called_by_its_id_or_its_module() {
        let address = |text: &str| Address::parse(text).0;
        assert_eq!(address("notifier.channels/ops-file"), "ops-file");
        assert_eq!(address("notifier.slack"), "slack");
    }
}
