//! Listens at both ports once and lets go of them: for `check --online`.

use std::net::SocketAddr;

use futures_util::future::join_all;
use opspilot_core::error::chain;
use opspilot_core::module::{Trial, TrialContext};
use opspilot_net::bind;

use super::{Config, Protocol};

/// Listens where each protocol would be taken.
pub(super) async fn try_ports(config: &Config, cx: &TrialContext) -> Vec<Trial> {
    let ports = [
        (Protocol::Http, config.http_port, "http"),
        (Protocol::Grpc, config.grpc_port, "grpc"),
    ];
    let spoken = ports
        .into_iter()
        .filter(|(protocol, ..)| config.speaks(*protocol));
    let each = spoken.map(|(_, port, name)| {
        let address = SocketAddr::new(config.address(), port);
        cx.attempt(format!("{name}://{address}"), async move {
            match bind(address, "modules.connector.otlp").await {
                Ok(_) => Ok(None),
                Err(error) => {
                    // The ports of this module are called after their protocol.
                    let own = format!("`modules.connector.otlp.{name}Port`");
                    Err(chain(&error).replace("`modules.connector.otlp.port`", &own))
                }
            }
        })
    });
    join_all(each).await
}
