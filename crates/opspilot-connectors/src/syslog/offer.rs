//! Whether the usual port is free: for a first configuration.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use opspilot_core::module::Offer;
use serde_json::json;

/// The port that needs no rights.
const PORT: u16 = 1514;

/// The port of syslog, if nobody listens there.
pub(super) fn offers() -> Vec<Offer> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    let free = UdpSocket::bind(address).ok();
    let offer = |_| Offer {
        name: format!("udp://{address}"),
        note: Some("the port is free".to_owned()),
        options: json!({ "protocol": "udp", "host": "127.0.0.1", "port": PORT }),
    };
    free.map(offer).into_iter().collect()
}
