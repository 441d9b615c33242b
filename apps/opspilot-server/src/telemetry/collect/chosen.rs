//! Which messages and spans are looked at.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use opspilot_core::event::TRACE_TARGET;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter};

use super::Collected;

/// What is written to the log is chosen elsewhere: fewer messages there do not mean fewer spans here.
pub(super) struct Chosen {
    targets: Targets,
    collected: Arc<Collected>,
}

impl Chosen {
    pub(super) fn new(collected: Arc<Collected>) -> Self {
        let targets = Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("opspilot", LevelFilter::INFO)
            .with_target(TRACE_TARGET, LevelFilter::DEBUG);
        Self { targets, collected }
    }

    /// There is a span for each event: it is made only while somebody wants it.
    fn is_wanted(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() != TRACE_TARGET || self.collected.wants_spans.load(Ordering::Relaxed)
    }
}

impl<S: Subscriber> Filter<S> for Chosen {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        let targets: &dyn Filter<S> = &self.targets;
        self.is_wanted(metadata) && targets.enabled(metadata, context)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let targets: &dyn Filter<S> = &self.targets;
        match self.is_wanted(metadata) {
            true => targets.callsite_enabled(metadata),
            false => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let targets: &dyn Filter<S> = &self.targets;
        targets.max_level_hint()
    }
}
