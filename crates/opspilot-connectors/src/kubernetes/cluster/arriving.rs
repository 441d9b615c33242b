//! Answers that arrive over time.

use std::fmt;

use http_body_util::BodyExt as _;
use kube::client::Body;

use super::trouble::Trouble;

/// A body that arrives.
pub(in crate::kubernetes) struct Arriving(pub(super) Body);

impl fmt::Debug for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Arriving")
    }
}

impl Arriving {
    /// Reads what there is into `bytes`; 0 means that it is at its end.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(in crate::kubernetes) async fn read(
        &mut self,
        bytes: &mut Vec<u8>,
    ) -> Result<usize, Trouble> {
        loop {
            let Some(frame) = self.0.frame().await else {
                return Ok(0);
            };
            let frame = frame.map_err(|error| {
                Trouble::other(format!(
                    "the connection broke: {}",
                    opspilot_core::error::chain(&error)
                ))
            })?;
            if let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) {
                bytes.extend_from_slice(data);
                return Ok(data.len());
            }
        }
    }

    /// Reads all of it, up to `longest` bytes.
    pub(super) async fn all(mut self, longest: usize) -> Result<Vec<u8>, Trouble> {
        let mut bytes = Vec::new();
        while self.read(&mut bytes).await? > 0 {
            if bytes.len() > longest {
                return Err(Trouble::other(format!(
                    "the answer is longer than {longest} bytes"
                )));
            }
        }
        Ok(bytes)
    }
}
