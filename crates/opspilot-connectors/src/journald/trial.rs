//! Starts the reader once and reads the last entry: for `check --online`.

use std::time::Duration;

use opspilot_core::module::{Found, Trial, TrialContext};
use tokio::time::{Instant, timeout_at};

use super::config::Config;
use super::filter::Filter;
use super::source::{From, Source};

/// How long the last entry may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long the reader may take to complain after an entry.
const COMPLAINING: Duration = Duration::from_millis(300);

/// Reads the last entry of the journal.
pub(super) async fn try_journal(config: &Config, filter: &Filter, cx: &TrialContext) -> Trial {
    cx.attempt(config.journal(), look(config, filter, cx)).await
}

async fn look(config: &Config, filter: &Filter, cx: &TrialContext) -> Found {
    let mut source =
        Source::start(cx.id, config, filter, &From::End).map_err(|trouble| trouble.message)?;
    let mut bytes = Vec::new();
    let mut end = Instant::now() + PATIENCE;
    loop {
        let Ok(read) = timeout_at(end, source.read(&mut bytes)).await else {
            break;
        };
        match read {
            Ok(0) => return Err(source.end().await.message),
            Ok(_) => end = end.min(Instant::now() + COMPLAINING),
            Err(error) => return Err(format!("the reader cannot be heard: {error}")),
        }
    }
    match source.complaint() {
        Some(trouble) => Err(trouble.message),
        None if bytes.is_empty() => Ok(Some(
            "it can be read, and has no entry that matches yet".to_owned(),
        )),
        None => Ok(None),
    }
}
