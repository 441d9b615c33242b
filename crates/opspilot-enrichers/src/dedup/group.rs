//! One group of new incidents: each is judged, and each original hears once of all its repetitions.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use opspilot_core::bus::Tx;
use opspilot_core::clock::Timestamp;
use opspilot_core::error::chain;
use opspilot_core::event::{
    EnrichmentCompleted, IncidentCreated, IncidentRepeated, IncidentSuppressed,
};
use opspilot_core::incident::{IncidentId, Status};
use opspilot_core::module::Module as _;
use serde_json::{Map, json};
use tracing::error;

use super::fingerprint::Fingerprint;
use super::stages::State;
use super::window::Sighting;
use super::{Dedup, Verdict};
use crate::incident_store::IncidentStore;

/// The work on one group.
pub(super) struct Group<'a> {
    state: &'a mut State,
    /// Fingerprints whose original is known to be one that can be repeated.
    valid: HashSet<Fingerprint>,
    touched: BTreeSet<Fingerprint>,
    repeats: BTreeMap<Fingerprint, Repeats>,
}

/// How often an original was repeated within the group.
struct Repeats {
    count: u64,
    last_seen_at: Timestamp,
    newest: IncidentId,
}

impl<'a> Group<'a> {
    pub(super) fn new(state: &'a mut State) -> Self {
        Self {
            state,
            valid: HashSet::new(),
            touched: BTreeSet::new(),
            repeats: BTreeMap::new(),
        }
    }

    /// True if the incident is to be absorbed.
    pub(super) async fn judge(&mut self, event: &IncidentCreated, tx: &mut Tx) -> bool {
        let fingerprint = Fingerprint::of(&self.state.config.fingerprint_fields, event);
        self.validate(fingerprint, tx).await;
        match self.state.window.check(tx.now(), fingerprint, event) {
            Verdict::New => {
                // It is stored behind this stage, so there is nothing to look up yet.
                self.valid.insert(fingerprint);
                self.touched.insert(fingerprint);
                false
            }
            Verdict::Known { original } => original != event.incident_id,
            Verdict::Duplicate { .. } => {
                self.touched.insert(fingerprint);
                self.count(fingerprint, event);
                true
            }
        }
    }

    /// Forgets an original that cannot be repeated any more: a person closed it, or its retention ended.
    async fn validate(&mut self, fingerprint: Fingerprint, tx: &mut Tx) {
        let Some(sighting) = self.state.window.live(tx.now(), &fingerprint) else {
            return;
        };
        if !self.valid.insert(fingerprint) {
            return;
        }
        let original = sighting.original.clone();
        let is_over = match self.state.incidents.get_in(tx, &original).await {
            Ok(Some(incident)) => incident.status == Status::Closed,
            Ok(None) => self.has_store(),
            Err(error) => {
                error!(incident = %original, error = %chain(&error), "cannot read an original incident");
                false
            }
        };
        if is_over {
            self.state.window.forget(&fingerprint);
        }
    }

    /// Without a store no original is ever found, and that means nothing.
    fn has_store(&self) -> bool {
        let store = IncidentStore::MANIFEST.id;
        self.state
            .system
            .modules()
            .iter()
            .any(|module| module.id == store)
    }

    fn count(&mut self, fingerprint: Fingerprint, event: &IncidentCreated) {
        let seen = event.last_seen_at.unwrap_or(event.detected_at);
        let repeats = self.repeats.entry(fingerprint).or_insert_with(|| Repeats {
            count: 0,
            last_seen_at: seen,
            newest: event.incident_id.clone(),
        });
        repeats.count += event.occurrences;
        repeats.last_seen_at = repeats.last_seen_at.max(seen);
        repeats.newest = event.incident_id.clone();
    }

    /// Publishes what was found, and returns the fingerprints that changed.
    pub(super) fn tell(self, tx: &mut Tx) -> Vec<Fingerprint> {
        for (fingerprint, repeats) in self.repeats {
            let Some(sighting) = self.state.window.get(&fingerprint) else {
                continue;
            };
            let original = sighting.original.clone();
            tx.emit(IncidentRepeated {
                incident_id: original.clone(),
                occurrences: repeats.count,
                last_seen_at: repeats.last_seen_at,
                by_rule: BTreeMap::new(),
            });
            if self.state.config.emit_suppressed {
                tx.emit(IncidentSuppressed {
                    suppressed_incident_id: repeats.newest,
                    original_incident_id: original,
                    fingerprint: fingerprint.to_string(),
                    occurrences: sighting.occurrences,
                    window_ms: self.state.config.window_ms,
                });
            }
            tx.emit(occurrence(&fingerprint, sighting, tx.now()));
        }
        self.touched.into_iter().collect()
    }
}

fn occurrence(
    fingerprint: &Fingerprint,
    sighting: &Sighting,
    now: Timestamp,
) -> EnrichmentCompleted {
    let data = [
        ("fingerprint", json!(fingerprint.to_string())),
        ("occurrences", json!(sighting.occurrences)),
        ("firstSeenAt", json!(sighting.first_seen_at)),
        ("lastSeenAt", json!(sighting.last_seen_at)),
    ];
    EnrichmentCompleted {
        incident_id: sighting.original.clone(),
        enricher_module: Dedup::MANIFEST.id.to_owned(),
        enrichment_type: "dedup_occurrence".to_owned(),
        data: data
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect::<Map<_, _>>(),
        completed_at: now,
    }
}
