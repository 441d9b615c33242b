//! Where signals come from: every connector with its streams, and what it lost.

use axum::extract::State as Extract;
use opspilot_core::bus::StreamStatus;
use opspilot_core::metrics::Reading;
use opspilot_core::module::{Category, ModuleStatus};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Answer, json};
use super::params::Params;
use super::routes::Shape;
use super::state::State;

/// What the names of metrics that tell of a loss contain, and of those that tell how far a source is behind.
const LOSSES: [&str; 5] = ["_dropped_", "_lost_", "_missed_", "_missing_", "_cut_"];
const LAG: &str = "_lag_";

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SourceList")]
struct ListBody {
    count: usize,
    sources: Vec<SourceBody>,
    /// Streams that were silent for long and are not listed any more.
    streams_forgotten: u64,
}

/// A connector.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ConnectorSource")]
struct SourceBody {
    #[serde(flatten)]
    module: ModuleStatus,
    /// What came from each of its streams since the server started.
    streams: Vec<StreamStatus>,
    /// How far it is behind, where it can tell.
    lag: Vec<Reading>,
    /// What it could not pass on whole, by kind.
    losses: Vec<Reading>,
}

pub(super) const LIST: Shape = Shape::json::<ListBody>();

/// `GET /sources`
pub(super) async fn list(Extract(state): Extract<State>, params: Params) -> Answer {
    params.finish()?;
    let system = &state.cx.system;
    let (mut streams, streams_forgotten) = system.bus().streams();
    let mut sources = Vec::new();
    for module in system.modules() {
        let (own, others) = streams
            .into_iter()
            .partition(|one| *one.module == *module.id);
        streams = others;
        if module.category != Category::Connector {
            continue;
        }
        let readings = system.readings(module.id);
        let some = |is_wanted: fn(&str) -> bool| {
            let wanted = readings.iter().filter(|one| is_wanted(&one.name));
            wanted.cloned().collect()
        };
        sources.push(SourceBody {
            streams: own,
            lag: some(|name| name.contains(LAG)),
            losses: some(|name| LOSSES.iter().any(|part| name.contains(part))),
            module,
        });
    }
    json(&ListBody {
        count: sources.len(),
        sources,
        streams_forgotten,
    })
}
