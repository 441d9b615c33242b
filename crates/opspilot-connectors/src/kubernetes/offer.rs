//! Whether this is a pod that may ask its cluster: for a first configuration.

use std::fs::File;
use std::path::Path;

use opspilot_core::module::Offer;
use serde_json::json;

use super::cluster::ACCOUNT;

/// The cluster that this pod is in, if its service account can be read.
pub(super) fn offers() -> Vec<Offer> {
    let token = File::open(Path::new(ACCOUNT).join("token")).ok();
    let offer = |_| Offer {
        name: "the cluster of this pod".to_owned(),
        note: Some("by its service account; its rights: docs/kubernetes-rbac.yaml".to_owned()),
        options: json!({}),
    };
    token.map(offer).into_iter().collect()
}
