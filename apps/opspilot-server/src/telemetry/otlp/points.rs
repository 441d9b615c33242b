//! Metrics as OpenTelemetry writes them. They keep the names of the metrics page.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
};
use opspilot_core::metrics::{FamilyReading, MetricKind, SeriesReading};

use super::super::collect::text;

/// The span of time that counters count: nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) start: u64,
    pub(super) now: u64,
}

/// A family as a metric.
pub(super) fn metric(family: FamilyReading, times: Times) -> Metric {
    let cumulative = AggregationTemporality::Cumulative as i32;
    let data = match family.kind {
        MetricKind::Counter => Data::Sum(Sum {
            data_points: numbers(family.series, times),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        MetricKind::Gauge => Data::Gauge(Gauge {
            data_points: numbers(family.series, Times { start: 0, ..times }),
        }),
        MetricKind::Histogram => Data::Histogram(Histogram {
            data_points: histograms(family.series, times),
            aggregation_temporality: cumulative,
        }),
    };
    Metric {
        unit: unit(&family.name).to_owned(),
        name: family.name,
        description: family.help,
        data: Some(data),
        ..Metric::default()
    }
}

/// As UCUM writes it; the name holds it too.
fn unit(name: &str) -> &'static str {
    match name.trim_end_matches("_total") {
        name if name.ends_with("_seconds") => "s",
        name if name.ends_with("_bytes") => "By",
        _ => "1",
    }
}

fn numbers(series: Vec<SeriesReading>, times: Times) -> Vec<NumberDataPoint> {
    let points = series.into_iter().map(|series| NumberDataPoint {
        attributes: attributes(series.labels),
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        value: Some(Value::AsDouble(series.value)),
        ..NumberDataPoint::default()
    });
    points.collect()
}

fn histograms(series: Vec<SeriesReading>, times: Times) -> Vec<HistogramDataPoint> {
    let mut points: BTreeMap<BTreeMap<String, String>, HistogramDataPoint> = BTreeMap::new();
    for mut series in series {
        let bound = series.labels.remove("le");
        let point = points.entry(series.labels).or_default();
        match (bound, series.name.rsplit('_').next()) {
            (Some(bound), Some("bucket")) => {
                let below: u64 = point.bucket_counts.iter().sum();
                point
                    .bucket_counts
                    .push(whole(series.value).saturating_sub(below));
                // The last bucket, `+Inf`, has no bound in this format.
                let bound = bound.parse().ok().filter(|bound: &f64| bound.is_finite());
                point.explicit_bounds.extend(bound);
            }
            (None, Some("sum")) => point.sum = Some(series.value),
            (None, Some("count")) => point.count = whole(series.value),
            _ => {}
        }
    }
    let points = points
        .into_iter()
        .map(|(labels, point)| HistogramDataPoint {
            attributes: attributes(labels),
            start_time_unix_nano: times.start,
            time_unix_nano: times.now,
            ..point
        });
    points.collect()
}

/// A count, which the page writes as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, and counts are whole and not negative"
)]
const fn whole(value: f64) -> u64 {
    value as u64
}

fn attributes(labels: BTreeMap<String, String>) -> Vec<KeyValue> {
    let labels = labels.into_iter().map(|(key, value)| KeyValue {
        key,
        value: Some(text(&value)),
        ..KeyValue::default()
    });
    labels.collect()
}

#[cfg(test)]
mod tests {
    use opspilot_core::metrics::{MetricSpec, Metrics};

    use super::*;

    const TIMES: Times = Times { start: 1, now: 5 };

    fn only(metrics: &Metrics) -> Metric {
        let mut families = metrics.families();
        assert_eq!(families.len(), 1);
        metric(families.remove(0), TIMES)
    }

    #[test]
    fn counters_grow_and_gauges_do_not() {
        let metrics = Metrics::default();
        let spec = MetricSpec::counter("opspilot_file_bytes_total", &["kind"], "Bytes.");
        metrics.counter(&spec, &[("kind", "a")]).inc_by(3);
        let metric = only(&metrics);
        assert_eq!(
            (metric.name.as_str(), metric.unit.as_str()),
            (spec.name, "By")
        );
        let Some(Data::Sum(sum)) = metric.data else {
            panic!("{metric:?}");
        };
        assert!(sum.is_monotonic);
        let point = &sum.data_points[0];
        assert_eq!(point.value, Some(Value::AsDouble(3.0)));
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1, 5));
        assert_eq!(point.attributes[0].key, "kind");
    }

    #[test]
    fn buckets_count_what_is_between_their_bounds() {
        let metrics = Metrics::default();
        let spec = MetricSpec::histogram("opspilot_took_seconds", &["operation"], "Time.");
        let histogram = metrics.histogram(&spec, &[("operation", "read")]);
        for seconds in [0.0001, 0.0002, 0.3, 99.0] {
            histogram.observe(seconds);
        }
        let metric = only(&metrics);
        let Some(Data::Histogram(histogram)) = metric.data else {
            panic!("{metric:?}");
        };
        let point = &histogram.data_points[0];
        assert_eq!(
            (point.count, point.bucket_counts.iter().sum::<u64>()),
            (4, 4)
        );
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
        assert_eq!(point.bucket_counts[0], 2);
        assert_eq!(point.bucket_counts.last(), Some(&1));
        let at = point.explicit_bounds.iter().position(|bound| *bound == 0.5);
        assert_eq!(point.bucket_counts[at.unwrap()], 1);
    }
}
