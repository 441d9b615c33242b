//! `replay`: what the rules would have done with a log, with a virtual clock.
//!
//! The clock follows the times in the lines; a line without one happens at the time of the line before. Nothing is read
//! but the files and the configuration, so the same input always prints the same output.

mod report;
mod source;
mod time;

use std::path::Path;

use opspilot_core::clock::Timestamp;
use opspilot_core::config::{Config, ConfigErrors};
use opspilot_core::module::Module as _;
use opspilot_core::signal::LogBatch;
use opspilot_detectors::{Detector, Finding};
use opspilot_enrichers::dedup::{Dedup, Verdict};

use self::report::Report;
use self::source::Source;
use crate::cli::ReplayArguments;
use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

pub(crate) fn replay(setup: &Setup, arguments: &ReplayArguments) -> Result<(), Failure> {
    let loaded = setup.load()?;
    output::warnings(&loaded.warnings);
    let mut replay = Replay::new(&loaded.config, setup.json)?;
    for file in &arguments.files {
        replay.file(file)?;
    }
    replay.finish();
    Ok(())
}

struct Replay {
    detectors: Vec<Box<dyn Detector>>,
    dedup: Option<Dedup>,
    now: Timestamp,
    findings: Vec<Finding>,
    report: Report,
}

impl Replay {
    /// Builds the detectors and the deduplication that `config` switches on.
    fn new(config: &Config, as_json: bool) -> Result<Self, Failure> {
        let on = |id: &str| config.module(id).filter(|options| options.is_enabled());
        let detectors: Result<Vec<_>, ConfigErrors> = opspilot_detectors::MODULES
            .iter()
            .filter_map(|factory| on(factory.manifest().id))
            .filter_map(opspilot_detectors::build)
            .collect();
        let detectors = detectors?;
        if detectors.is_empty() {
            return Err(Failure::Usage(
                "the configuration switches no detector on".into(),
            ));
        }
        let dedup = on(Dedup::MANIFEST.id)
            .map(|options| Dedup::new(options.parse()?).map_err(|error| error.located(options)));
        Ok(Self {
            detectors,
            dedup: dedup.transpose()?,
            now: Timestamp::UNIX_EPOCH,
            findings: Vec::new(),
            report: Report::new(as_json),
        })
    }

    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let mut source = Source::open(path)?;
        let progress = source.progress();
        while let Some((time, batch)) = source.next_batch(self.now)? {
            progress.set_position(source.position());
            // A log whose times go back (another file, a corrected clock) does not turn the clock back.
            self.now = self.now.max(time);
            self.pass_time();
            self.observe(&batch);
        }
        progress.finish_and_clear();
        Ok(())
    }

    /// Lets detectors notice that time passed, at the very moments at which they would have.
    fn pass_time(&mut self) {
        let now = self.now;
        for index in 0..self.detectors.len() {
            while let Some(detector) = self.detectors.get_mut(index)
                && let Some(due) = detector.next_tick().filter(|due| *due <= now)
            {
                detector.tick(due, &mut self.findings);
                self.judge(due);
                if self
                    .detectors
                    .get(index)
                    .and_then(|detector| detector.next_tick())
                    == Some(due)
                {
                    break;
                }
            }
        }
    }

    fn observe(&mut self, batch: &LogBatch) {
        self.report.lines += batch.len() as u64;
        let now = self.now;
        for detector in &mut self.detectors {
            detector.observe(now, batch, &mut self.findings);
        }
        self.judge(now);
    }

    /// Reports the findings, each with what would have become of it.
    fn judge(&mut self, now: Timestamp) {
        for finding in self.findings.drain(..) {
            match finding {
                Finding::Created { event, .. } => {
                    match self.dedup.as_mut().map(|dedup| dedup.check(now, &event)) {
                        Some(Verdict::Duplicate { original, .. }) => {
                            self.report.duplicate(now, &event, &original);
                        }
                        Some(Verdict::Known { .. }) => {}
                        None | Some(Verdict::New) => self.report.created(now, &event),
                    }
                }
                Finding::Repeated {
                    event,
                    reason,
                    rule,
                    ..
                } => {
                    self.report.repeated(now, &event, reason.as_str(), &rule);
                }
                Finding::Cleared { event, .. } => self.report.cleared(now, &event),
            }
        }
    }

    fn finish(self) {
        self.report.finish();
    }
}
