//! What happened to runs since the start, from what is told of them.

use opspilot_core::event::{Envelope, RunbookCompleted, RunbookStarted, RunbookStepCompleted};
use opspilot_core::metrics::ModuleMetrics;
use opspilot_core::module::Context;

use super::{RUNS, STEPS};

/// Counts runs and steps.
pub(super) struct Totals {
    metrics: ModuleMetrics,
    started: u64,
    completed: u64,
    failed: u64,
    steps: u64,
}

impl Totals {
    pub(super) fn new(cx: &Context) -> Self {
        let totals = Self {
            metrics: cx.metrics.clone(),
            started: 0,
            completed: 0,
            failed: 0,
            steps: 0,
        };
        for status in ["started", "completed", "failed", "cancelled"] {
            totals
                .metrics
                .counter(&RUNS, &[("status", status)])
                .inc_by(0);
        }
        totals.present(0, 0, cx);
        totals
    }

    pub(super) fn note(&mut self, event: &Envelope) {
        if event.payload::<RunbookStarted>().is_ok() {
            self.started += 1;
            self.metrics.counter(&RUNS, &[("status", "started")]).inc();
        } else if let Ok(step) = event.payload::<RunbookStepCompleted>() {
            self.steps += 1;
            self.metrics
                .counter(&STEPS, &[("status", &step.status)])
                .inc();
        } else if let Ok(run) = event.payload::<RunbookCompleted>() {
            self.completed += u64::from(run.status == "completed");
            self.failed += u64::from(run.status == "failed");
            self.metrics
                .counter(&RUNS, &[("status", &run.status)])
                .inc();
        }
    }

    pub(super) fn present(&self, active: u64, kept: u64, cx: &Context) {
        let details = [
            ("activeRunbooks", active),
            ("historySize", kept),
            ("totalStarted", self.started),
            ("totalCompleted", self.completed),
            ("totalFailed", self.failed),
            ("totalStepsExecuted", self.steps),
        ];
        for (key, value) in details {
            cx.health.detail(key, value);
        }
    }
}
