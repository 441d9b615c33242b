//! `kubernetes`: a workload is restarted or scaled, or a pod is deleted.

#[cfg(feature = "kubernetes")]
mod cluster;
#[cfg(test)]
#[cfg(feature = "kubernetes")]
mod tests;
#[cfg(feature = "kubernetes")]
mod workload;

use opspilot_core::module::BuildError;

use super::{Deed, Site};
use crate::safe::catalogue::Kubernetes;

/// Checks the options of `site`.
///
/// # Errors
/// Every fault.
#[cfg(feature = "kubernetes")]
pub(crate) fn parse(options: &Kubernetes, site: &Site<'_>) -> Result<Box<dyn Deed>, BuildError> {
    Ok(Box::new(workload::Workload::parse(options, site)?))
}

/// Says that this program cannot.
///
/// # Errors
/// Always.
#[cfg(not(feature = "kubernetes"))]
pub(crate) fn parse(_: &Kubernetes, site: &Site<'_>) -> Result<Box<dyn Deed>, BuildError> {
    Err(site.fault(
        "type",
        "this program was built without the `kubernetes` feature",
    ))
}
