//! Listens at both ports once and lets go of them: for `check --online`.

use std::net::SocketAddr;

use futures_util::future::join_all;
use opspilot_core::module::{Trial, TrialContext};

use super::{Config, Protocol};
use crate::listen::front::try_address;

/// Listens where each protocol would be taken.
pub(super) async fn try_ports(config: &Config, cx: &TrialContext) -> Vec<Trial> {
    let ports = [
        (Protocol::Http, config.http_port, "http", "httpPort"),
        (Protocol::Grpc, config.grpc_port, "grpc", "grpcPort"),
    ];
    let spoken = ports
        .into_iter()
        .filter(|(protocol, ..)| config.speaks(*protocol));
    let tls = config.tls.as_ref();
    let suffix = if tls.is_some() { "s" } else { "" };
    let each = spoken.map(|(_, port, name, key)| {
        let address = SocketAddr::new(config.address(), port);
        let work = try_address(cx, (address, tls), ("modules.connector.otlp", key));
        cx.attempt(format!("{name}{suffix}://{address}"), work)
    });
    join_all(each).await
}
