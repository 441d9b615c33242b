//! `kubernetes`.

use opspilot_core::module::BuildError;

use super::{Deed, Site};
use crate::safe::catalogue::Kubernetes;

pub(crate) fn parse(_: &Kubernetes, site: &Site<'_>) -> Result<Box<dyn Deed>, BuildError> {
    Err(site.fault(
        "type",
        "this program was built without the `kubernetes` feature",
    ))
}
