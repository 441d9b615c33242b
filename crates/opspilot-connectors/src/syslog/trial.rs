//! Listens at every address once and lets go of it: for `check --online`.

use futures_util::future::join_all;
use opspilot_core::error::chain;
use opspilot_core::module::{Found, Trial, TrialContext};

use super::config::{Config, Endpoint, Protocol};
use crate::listen::bind;

/// Reads the certificates of every endpoint and listens there.
pub(super) async fn try_all(
    endpoints: &[Endpoint],
    config: &Config,
    cx: &TrialContext,
) -> Vec<Trial> {
    let each = endpoints.iter().map(|endpoint| {
        let name = format!("{}://{}", endpoint.protocol.name(), endpoint.address);
        cx.attempt(name, listen(endpoint, config.receive_buffer_bytes, cx))
    });
    join_all(each).await
}

async fn listen(endpoint: &Endpoint, wanted: usize, cx: &TrialContext) -> Found {
    if endpoint.protocol == Protocol::Udp {
        let room = match bind::udp(endpoint.address, wanted) {
            Ok((_, room)) => room,
            Err(error) => return cx.unless_own(&error, chain(&error)),
        };
        let note = format!(
            "the system gives {room} of {wanted} bytes of buffer: raise `sysctl net.core.rmem_max`"
        );
        return Ok((room < wanted).then_some(note));
    }
    if let Some(files) = endpoint.tls.clone() {
        let read = cx.tasks.blocking(move || files.server_config(&[])).await;
        let read = read.map_err(|error| chain(&error))?;
        read.map_err(|error| chain(&error))?;
    }
    match bind::tcp(endpoint.address) {
        Ok(_) => Ok(None),
        Err(error) => cx.unless_own(&error, chain(&error)),
    }
}
