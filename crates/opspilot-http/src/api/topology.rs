//! What runs and who hears whom, from the manifests of the modules that run.

use axum::extract::State as Extract;
use opspilot_core::event::ModuleState;
use opspilot_core::module::{Category, HealthStatus, Manifest};
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Answer, json};
use super::params::Params;
use super::routes::Shape;
use super::state::State;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Topology")]
struct TopologyBody {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

/// Something that runs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TopologyNode")]
struct Node {
    id: &'static str,
    category: Category,
    description: &'static str,
    state: ModuleState,
    status: HealthStatus,
}

/// What one module publishes and another reads.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "TopologyEdge")]
struct Edge {
    from: &'static str,
    to: &'static str,
    /// The wire types.
    types: Vec<&'static str>,
}

pub(super) const TOPOLOGY: Shape = Shape::json::<TopologyBody>();

/// `GET /topology`
pub(super) async fn topology(Extract(state): Extract<State>, params: Params) -> Answer {
    params.finish()?;
    let system = &state.cx.system;
    let manifests = system.manifests();
    let node = |manifest: &&'static Manifest| {
        let status = system.module(manifest.id)?;
        Some(Node {
            id: manifest.id,
            category: manifest.category,
            description: manifest.description,
            state: status.state,
            status: status.health.status,
        })
    };
    json(&TopologyBody {
        nodes: manifests.iter().filter_map(node).collect(),
        edges: edges(&manifests),
    })
}

/// Who hears whom, by id. What a module hears of itself is no edge.
fn edges(manifests: &[&'static Manifest]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for from in manifests {
        for to in manifests.iter().filter(|to| to.id != from.id) {
            let heard = from.emits.iter().filter(|kind| to.consumes.contains(kind));
            let types: Vec<_> = heard.copied().collect();
            if !types.is_empty() {
                let (from, to) = (from.id, to.id);
                edges.push(Edge { from, to, types });
            }
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_every_type_that_one_publishes_and_another_reads() {
        static A: Manifest = Manifest {
            emits: &["log.ingested", "x"],
            ..Manifest::new("connector.a", Category::Connector, "")
        };
        static B: Manifest = Manifest {
            consumes: &["log.ingested", "x", "incident.created"],
            emits: &["incident.created"],
            ..Manifest::new("detector.b", Category::Detector, "")
        };
        static C: Manifest = Manifest {
            consumes: &["incident.created"],
            ..Manifest::new("notifier.c", Category::Notifier, "")
        };
        let edge = |from, to, types: &[&'static str]| Edge {
            from,
            to,
            types: types.to_vec(),
        };
        let expected = [
            edge("connector.a", "detector.b", &["log.ingested", "x"]),
            edge("detector.b", "notifier.c", &["incident.created"]),
        ];
        assert_eq!(edges(&[&A, &B, &C]), expected);
    }
}
