//! Certificates that are written anew while they are in use.

use std::sync::Arc;

use opspilot_core::error::chain;
use opspilot_core::module::{Context, HealthStatus, RunError};
use opspilot_net::tls::{RenewingTls, TlsFiles};

/// Reads certificate and key; a failure ends the start of the module.
pub(crate) async fn open(
    cx: &Context,
    files: TlsFiles,
    protocols: &'static [&'static str],
) -> Result<Arc<RenewingTls>, RunError> {
    let opened = cx
        .tasks
        .blocking(move || RenewingTls::open(files, protocols))
        .await?;
    let opened = opened.map_err(|error| RunError::new("cannot use TLS", error))?;
    Ok(Arc::new(opened))
}

/// Reads certificates again that were written since; where that fails the old ones stay in use. To be called every second
/// or so.
pub(crate) async fn renew(cx: &Context, renewing: &[Arc<RenewingTls>]) -> Result<(), RunError> {
    for (index, tls) in renewing.iter().enumerate() {
        let tls = Arc::clone(tls);
        let cause = format!("certificate{index}");
        match cx.tasks.blocking(move || tls.renew()).await? {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(module = cx.id, "a renewed certificate is in use");
                cx.health.clear(&cause);
            }
            Err(error) => {
                let message = format!("the old certificate stays in use: {}", chain(&error));
                cx.health.raise(cause, HealthStatus::Degraded, message);
            }
        }
    }
    Ok(())
}
