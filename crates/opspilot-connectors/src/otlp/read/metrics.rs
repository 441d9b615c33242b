//! Metrics.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, HistogramDataPoint, Metric, NumberDataPoint,
};
use opspilot_core::signal::{Attributes, Sample};
use serde_json::Value;

use super::super::values::{attributes, cut, resource, service};
use super::Export;

/// What of a resource is repeated on each sample; all of it would be too much.
const SHARED: &[&str] = &[
    "service",
    "service.instance.id",
    "host.name",
    "k8s.pod.name",
];

/// The most attributes of a point.
const POINT: usize = 32;

/// The flag of a point that says nothing (`DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`).
const NO_VALUE: u32 = 1;

/// The quantiles that are estimated from a histogram.
const QUANTILES: &[(f64, &str)] = &[(0.5, "_p50"), (0.95, "_p95"), (0.99, "_p99")];

/// Reads a request.
pub(super) fn read(request: ExportMetricsServiceRequest, out: &mut Export) {
    for metrics in request.resource_metrics {
        let resource = resource(metrics.resource);
        out.begin(service(&resource));
        let shared: Attributes = SHARED
            .iter()
            .filter_map(|name| {
                let text = resource.get(*name)?.as_str()?;
                Some(((*name).to_owned(), cut(text.to_owned(), 200).into()))
            })
            .collect();
        for metrics in metrics.scope_metrics {
            for metric in metrics.metrics {
                Series::of(&metric, &shared).read(metric, out);
            }
        }
    }
}

/// What the samples of one metric share.
struct Series<'a> {
    name: String,
    unit: Arc<str>,
    shared: &'a Attributes,
}

impl<'a> Series<'a> {
    fn of(metric: &Metric, shared: &'a Attributes) -> Self {
        Self {
            name: cut(metric.name.clone(), 200),
            unit: cut(metric.unit.clone(), 60).into(),
            shared,
        }
    }

    fn read(&self, metric: Metric, out: &mut Export) {
        match metric.data {
            Some(Data::Gauge(gauge)) => {
                for point in gauge.data_points {
                    self.number(point, None, out);
                }
            }
            Some(Data::Sum(sum)) => {
                let is_delta = sum.aggregation_temporality == AggregationTemporality::Delta as i32;
                let kind = if is_delta { "delta" } else { "cumulative" };
                for point in sum.data_points {
                    self.number(point, Some(kind), out);
                }
            }
            Some(Data::Histogram(histogram)) => {
                for point in histogram
                    .data_points
                    .into_iter()
                    .filter(|point| point.flags & NO_VALUE == 0)
                {
                    self.histogram(point, out);
                }
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                for point in histogram
                    .data_points
                    .into_iter()
                    .filter(|point| point.flags & NO_VALUE == 0)
                {
                    let facts = self.facts(point.attributes);
                    let extremes = [
                        ("_min", point.min),
                        ("_max", point.max),
                        ("_sum", point.sum),
                    ];
                    self.parts(point.count, extremes, &facts, out);
                }
            }
            Some(Data::Summary(summary)) => {
                for point in summary
                    .data_points
                    .into_iter()
                    .filter(|point| point.flags & NO_VALUE == 0)
                {
                    let facts = self.facts(point.attributes);
                    self.parts(point.count, [("_sum", Some(point.sum))], &facts, out);
                    for quantile in point.quantile_values.into_iter().take(20) {
                        let suffix = format!("_p{}", quantile.quantile * 100.0);
                        self.sample(&cut(suffix, 20), quantile.value, &facts, out);
                    }
                }
            }
            None => {}
        }
    }

    fn number(&self, point: NumberDataPoint, temporality: Option<&str>, out: &mut Export) {
        let value = match point.value {
            Some(Number::AsDouble(value)) => value,
            Some(Number::AsInt(value)) => float(value),
            None => return,
        };
        if point.flags & NO_VALUE != 0 {
            return;
        }
        let mut facts = self.facts(point.attributes);
        if let Some(temporality) = temporality {
            facts.insert("temporality".to_owned(), temporality.into());
        }
        self.sample("", value, &facts, out);
    }

    fn histogram(&self, point: HistogramDataPoint, out: &mut Export) {
        let quantiles = QUANTILES
            .iter()
            .filter_map(|(share, suffix)| Some((*suffix, quantile(&point, *share)?)));
        let quantiles: Vec<_> = quantiles.collect();
        let facts = self.facts(point.attributes);
        let extremes = [
            ("_min", point.min),
            ("_max", point.max),
            ("_sum", point.sum),
        ];
        self.parts(point.count, extremes, &facts, out);
        for (suffix, value) in quantiles {
            self.sample(suffix, value, &facts, out);
        }
    }

    fn parts<const N: usize>(
        &self,
        count: u64,
        parts: [(&str, Option<f64>); N],
        facts: &Attributes,
        out: &mut Export,
    ) {
        self.sample("_count", float(count.cast_signed()), facts, out);
        for (suffix, value) in parts {
            if let Some(value) = value {
                self.sample(suffix, value, facts, out);
            }
        }
    }

    fn sample(&self, suffix: &str, value: f64, facts: &Attributes, out: &mut Export) {
        let unit = match suffix {
            "_count" => "1".into(),
            _ => Arc::clone(&self.unit),
        };
        out.sample(Sample {
            name: format!("{}{suffix}", self.name).into(),
            value,
            unit,
            attributes: facts.clone(),
        });
    }

    fn facts(&self, mut point: Vec<KeyValue>) -> Attributes {
        point.truncate(POINT);
        let mut facts = self.shared.clone();
        let short = |value: Value| match value {
            Value::String(text) => Value::String(cut(text, 500)),
            other => other,
        };
        facts.extend(
            attributes(point)
                .into_iter()
                .map(|(name, value)| (name, short(value))),
        );
        facts
    }
}

/// A whole number as a float; beyond 2^53 the nearest.
#[expect(clippy::cast_precision_loss, reason = "samples are floats")]
fn float(number: i64) -> f64 {
    number as f64
}

/// Estimates a quantile by the line between a bucket's bounds, as Prometheus' `histogram_quantile` does. In the last
/// bucket, which has no upper bound, it is the lower one.
fn quantile(point: &HistogramDataPoint, share: f64) -> Option<f64> {
    let counts = &point.bucket_counts;
    let bounds = &point.explicit_bounds;
    let total = counts
        .iter()
        .fold(0u64, |total, count| total.saturating_add(*count));
    if total == 0 || counts.len() != bounds.len() + 1 {
        return None;
    }
    let rank = share * float(i64::try_from(total).ok()?);
    let mut below = 0.0;
    for (index, count) in counts.iter().enumerate() {
        let within = float(i64::try_from(*count).ok()?);
        if below + within >= rank && within > 0.0 {
            let lower = match index.checked_sub(1) {
                Some(before) => *bounds.get(before)?,
                None => point.min.unwrap_or(0.0),
            };
            let Some(upper) = bounds.get(index) else {
                return Some(lower);
            };
            return Some(lower + (upper - lower) * ((rank - below) / within));
        }
        below += within;
    }
    bounds.last().copied()
}
