//! Tries every channel once without a notice: for `check --online`.

use std::io::{self, Write as _};

use opspilot_core::module::{Found, Trial, TrialContext, can_write_file};

use super::{Kind, Ready};
use crate::reach;

impl Ready {
    /// Looks whether the channel can be used. Nothing is written or sent.
    pub(super) async fn tried(&self, cx: &TrialContext) -> Trial {
        match &self.kind {
            Kind::Console(_) => {
                let name = format!("{} (standard output)", self.id);
                cx.attempt_blocking(name, console).await
            }
            Kind::File(path) => {
                let name = format!("{} ({})", self.id, path.display());
                let path = path.clone();
                cx.attempt_blocking(name, move || file(&path)).await
            }
            Kind::Webhook(target) => {
                // The target shows itself without its path, which is a secret.
                let name = format!("{} ({target})", self.id);
                let url = target.url();
                cx.attempt(name, async move { reach::reach(&url).await })
                    .await
            }
        }
    }
}

fn console() -> Found {
    match io::stdout().flush() {
        Ok(()) => Ok(None),
        Err(error) => Err(format!("the standard output takes nothing: {error}")),
    }
}

fn file(path: &std::path::Path) -> Found {
    use std::os::unix::fs::FileTypeExt as _;
    if std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo()) {
        return Err("it is a pipe, not a file: name a file".to_owned());
    }
    can_write_file(path)
}
