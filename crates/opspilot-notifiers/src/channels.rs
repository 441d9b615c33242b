//! `notifier.channels`: tells of incidents on the console, in a file, or to any web hook.

mod config;
mod console;
mod file;
#[cfg(test)]
mod tests;
mod trial;
mod webhook;

use async_trait::async_trait;
use futures_util::future::join_all;
use opspilot_core::bus::Consumer;
use opspilot_core::module::{
    BuildError, Category, Context, Manifest, Module, RunError, Trial, TrialContext,
};
use tracing::info;

pub use config::{Channel, Colour, Config, Console, File, Method, Webhook};

use self::console::ConsoleNotifier;
use self::file::FileNotifier;
use self::webhook::{Target, WebhookNotifier};
use crate::driver::totals::{ERRORS, HELD_BACK, SENT};
use crate::driver::{Address, Driver, Filter, Notifier, Totals};

/// Tells of incidents on channels.
#[derive(Debug)]
pub struct Channels {
    channels: Vec<Ready>,
    attached: Vec<(Ready, Consumer)>,
}

/// A channel whose options are in order.
#[derive(Debug)]
struct Ready {
    id: String,
    filter: Filter,
    per_minute: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Console(Colour),
    File(std::path::PathBuf),
    Webhook(Box<Target>),
}

#[async_trait]
impl Module for Channels {
    const MANIFEST: Manifest = Manifest {
        consumes: &[
            "incident.created",
            "incident.repeated",
            "incident.cleared",
            "incident.updated",
            "incident.suppressed",
            "incident.storm",
            "incident.escalated",
            "enrichment.completed",
            "action.proposed",
            "action.approved",
            "action.denied",
            "action.executed",
            "runbook.started",
            "runbook.stepCompleted",
            "runbook.completed",
            "module.lifecycle",
            "delivery.failed",
        ],
        metrics: &[SENT, HELD_BACK, ERRORS],
        ..Manifest::new(
            "notifier.channels",
            Category::Notifier,
            "Tells of incidents on the console, in a file, or to web hooks.",
        )
    };

    type Config = Config;

    fn new(config: Config) -> Result<Self, BuildError> {
        let channels = config::check(config)?;
        Ok(Self {
            channels,
            attached: Vec::new(),
        })
    }

    async fn trial(&mut self, cx: &TrialContext) -> Vec<Trial> {
        let each = self.channels.iter().map(|channel| channel.tried(cx));
        join_all(each).await
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        for channel in self.channels.drain(..) {
            let kinds = channel.filter.reads();
            let consumer = cx.bus.consumer(&channel.id, &kinds).await?;
            self.attached.push((channel, consumer));
        }
        let channels = self.attached.iter();
        let channels = channels
            .map(|(channel, consumer)| Address::of(consumer).channel(&channel.filter))
            .collect();
        cx.on_call.offer_channels(Self::MANIFEST.id, channels);
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        let totals = Totals::new(cx);
        for (channel, consumer) in self.attached.drain(..) {
            info!(consumer = consumer.name(), "channel is open");
            let notifier = channel.kind.notifier(cx);
            let Ready {
                filter, per_minute, ..
            } = channel;
            let driver = Driver::new(notifier, filter, per_minute, totals.clone(), cx);
            cx.tasks.spawn("channel", driver.run(consumer, cx.clone()));
        }
        cx.cancel.cancelled().await;
        Ok(())
    }
}

impl Kind {
    fn notifier(self, cx: &Context) -> Box<dyn Notifier> {
        match self {
            Self::Console(colour) => Box::new(ConsoleNotifier::new(colour, cx.tasks.clone())),
            Self::File(path) => Box::new(FileNotifier::new(path, cx.tasks.clone())),
            Self::Webhook(target) => Box::new(WebhookNotifier::new(
                *target,
                std::sync::Arc::clone(&cx.clock),
            )),
        }
    }
}
