//! The part that all detectors share: from batches to findings to stored events.

mod counting;
mod effort;
mod journey;
mod meters;
mod settling;
mod snapshot;
mod streams;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use opspilot_core::config::{ConfigErrors, ModuleOptions};
use opspilot_core::module::{BuildError, Category, Context, Factory, Manifest, Module, RunError};
use opspilot_core::rules::RuleKind;

use self::journey::Journey;
use crate::detector::{Detector, DetectorModule};
use crate::regex::Regex;
use crate::threshold::Threshold;

/// Every detector of this crate, as modules.
pub const MODULES: &[Factory] = &[
    Factory::of::<Driven<Regex>>(),
    Factory::of::<Driven<Threshold>>(),
];

type Build = fn(&ModuleOptions) -> Result<Box<dyn Detector>, ConfigErrors>;

/// Every detector of this crate without its driver, by module id.
const DETECTORS: &[(&str, Build)] = &[
    (Regex::MANIFEST.id, detector::<Regex>),
    (Threshold::MANIFEST.id, detector::<Threshold>),
];

/// The manifest of a detector called `id`.
#[must_use]
pub const fn manifest(id: &'static str, description: &'static str) -> Manifest {
    Manifest {
        consumes: &["log.ingested"],
        emits: &["incident.created", "incident.repeated", "incident.cleared"],
        metrics: meters::METRICS,
        ..Manifest::new(id, Category::Detector, description)
    }
}

/// Makes the detector of a module's section, for use without the runtime: `replay`, tests. `None` if the module is no
/// detector of this crate.
///
/// # Errors
/// When the options are wrong, with their places.
pub fn build(options: &ModuleOptions) -> Option<Result<Box<dyn Detector>, ConfigErrors>> {
    let (_, build) = DETECTORS.iter().find(|(id, _)| *id == options.id())?;
    Some(build(options))
}

fn detector<D: DetectorModule>(options: &ModuleOptions) -> Result<Box<dyn Detector>, ConfigErrors> {
    let detector = D::new(&options.parse()?).map_err(|error| error.located(options))?;
    Ok(Box::new(detector))
}

/// A detector as a module.
///
/// It subscribes to log batches, gives each to the detector, publishes what was found together with the batch's
/// acknowledgement, keeps the detector's state over restarts, and reports health and metrics. A batch in which nothing
/// is found costs no publication and no allocation.
#[derive(Debug)]
pub struct Driven<D> {
    detector: Option<Box<D>>,
    journey: Option<Journey<D>>,
}

#[async_trait]
impl<D: DetectorModule> Module for Driven<D> {
    const MANIFEST: Manifest = D::MANIFEST;
    type Config = D::Config;

    fn new(config: Self::Config) -> Result<Self, BuildError> {
        Ok(Self {
            detector: Some(Box::new(D::new(&config)?)),
            journey: None,
        })
    }

    fn rules() -> Option<&'static dyn RuleKind> {
        D::rules()
    }

    fn check(&self) -> Result<(), BuildError> {
        self.detector
            .as_ref()
            .map_or(Ok(()), |detector| detector.check())
    }

    async fn init(&mut self, cx: &Context) -> Result<(), RunError> {
        let detector = self
            .detector
            .take()
            .ok_or_else(|| RunError::message("the detector was started twice"))?;
        self.journey = Some(Journey::start(detector, cx).await?);
        Ok(())
    }

    async fn run(&mut self, cx: &Context) -> Result<(), RunError> {
        match &mut self.journey {
            Some(journey) => journey.run(cx).await,
            None => Err(RunError::message("the detector was not initialised")),
        }
    }

    async fn stop(&mut self, cx: &Context) -> Result<(), RunError> {
        match &mut self.journey {
            Some(journey) => journey.finish(cx).await,
            None => Ok(()),
        }
    }
}
