//! Which events somebody is told of.

use opspilot_core::event::{EnrichmentCompleted, Envelope, IncidentCreated};
use opspilot_core::incident::Severity;

/// Which events somebody is told of.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The wire types.
    pub kinds: Vec<&'static str>,
    /// The mildest `incident.created` told of; other events have no severity here.
    pub min_severity: Option<Severity>,
}

impl Filter {
    /// True if somebody is told of `event`.
    ///
    /// That a known incident was repeated is no news, even to those who want every enrichment: they would hear of each of
    /// the repetitions that deduplication keeps from them.
    #[must_use]
    pub fn passes(&self, event: &Envelope) -> bool {
        if !self.kinds.contains(&event.kind()) {
            return false;
        }
        if let Ok(incident) = event.payload::<IncidentCreated>() {
            return self
                .min_severity
                .is_none_or(|least| incident.severity >= least);
        }
        event
            .payload::<EnrichmentCompleted>()
            .map_or(true, |enrichment| {
                enrichment.enrichment_type != "dedup_occurrence"
            })
    }
}
