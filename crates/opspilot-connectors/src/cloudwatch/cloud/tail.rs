//! Sessions of live tail, as far as they are a doorbell: which groups have something new, and how new that is.
//!
//! The texts of events are let go of here.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::config::{Config as SdkConfig, StalledStreamProtectionConfig};
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata as _;
use aws_sdk_cloudwatchlogs::operation::start_live_tail::StartLiveTailOutput;
use aws_sdk_cloudwatchlogs::types::{
    LiveTailSessionLogEvent, StartLiveTailResponseStream as Message,
};

use super::super::trouble::{Asked, Kind, Trouble};
use super::Cloud;

/// A session that is open.
pub(in crate::cloudwatch) struct Tail(StartLiveTailOutput);

/// What a session tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cloudwatch) enum Heard {
    /// Nothing new.
    Nothing,
    /// By the names of groups, when the service received the newest of what is new there, in milliseconds since 1970.
    Events(BTreeMap<String, i64>),
}

impl Cloud {
    /// The ARN of `group`.
    ///
    /// Source: the API reference of `CloudWatch` Logs, `DescribeLogGroups`: "the results are ASCII-sorted by log group
    /// name", so a group is the first of those that begin with its name.
    pub(in crate::cloudwatch) async fn arn(&self, group: &str) -> Result<String, Trouble> {
        if group.starts_with("arn:") {
            return Ok(plain(group).to_owned());
        }
        let request = self.client.describe_log_groups();
        let request = request.log_group_name_prefix(group).limit(1);
        let what = format!("live tail of `{group}`");
        let answer = Box::pin(request.send()).await.map_err(|error| {
            let asked = Asked {
                what: &what,
                action: "logs:DescribeLogGroups",
                on: "the account's log groups (or name the groups by ARN)",
            };
            Trouble::of(self, asked, &error)
        })?;
        let first = answer.log_groups.unwrap_or_default().into_iter().next();
        let named = first.filter(|first| first.log_group_name.as_deref() == Some(group));
        let arn = named.and_then(|named| named.log_group_arn.or(named.arn));
        let arn = arn.as_deref().map(plain).map(str::to_owned);
        arn.ok_or_else(|| {
            let message = format!("{what}: does not exist in region {}", self.region());
            Trouble::new(Kind::Missing, message)
        })
    }

    /// Opens a session for the groups with these ARNs.
    pub(in crate::cloudwatch) async fn tail(&self, arns: Vec<String>) -> Result<Tail, Trouble> {
        let pattern = Some(&self.config.filter_pattern).filter(|pattern| !pattern.is_empty());
        let on = arns.join(", ");
        let request = self.client.start_live_tail();
        let request = request
            .set_log_group_identifiers(Some(arns))
            .set_log_event_filter_pattern(pattern.cloned());
        // A session says nothing of use for hours; whether it still lives is seen by its messages.
        let patient = SdkConfig::builder()
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let address = self.tail_address();
        let request = request
            .customize()
            .config_override(patient)
            .mutate_request(move |request| {
                if let Some(address) = &address {
                    // The address was checked with the options.
                    request.set_uri(address.as_str()).ok();
                }
            });
        let opened = Box::pin(request.send()).await;
        opened.map(Tail).map_err(|error| {
            let asked = Asked {
                what: "live tail",
                action: "logs:StartLiveTail",
                on: &on,
            };
            Trouble::of(self, asked, &error)
        })
    }

    /// Where sessions are opened; `None` for where the SDK does, which puts `stream-` in front of the host. Only AWS' own
    /// hosts have such a sibling.
    fn tail_address(&self) -> Option<String> {
        let url = self.config.endpoint_url.trim_end_matches('/');
        let host = url.split("://").nth(1).unwrap_or_default();
        let is_own = host.starts_with("logs") && host.contains(".amazonaws.com");
        (!url.is_empty() && !is_own).then(|| format!("{url}/"))
    }
}

impl Tail {
    /// What the session tells next.
    ///
    /// # Errors
    /// How it ended.
    pub(in crate::cloudwatch) async fn next(&mut self) -> Result<Heard, String> {
        match self.0.response_stream.recv().await {
            Ok(Some(Message::SessionUpdate(update))) => {
                let events = update.session_results.unwrap_or_default();
                Ok(heard(&events))
            }
            Ok(Some(_)) => Ok(Heard::Nothing),
            Ok(None) => Err("it ended".to_owned()),
            // Only the code is told: the rest might quote what was sent.
            Err(error) => Err(match error.as_service_error() {
                Some(error) => format!("it ended with {}", error.code().unwrap_or("an error")),
                None => "it broke off, or sends what cannot be read".to_owned(),
            }),
        }
    }
}

fn heard(events: &[LiveTailSessionLogEvent]) -> Heard {
    let mut newest: BTreeMap<String, i64> = BTreeMap::new();
    for event in events {
        let group = name(event.log_group_identifier().unwrap_or_default());
        let time = event.ingestion_time.or(event.timestamp).unwrap_or_default();
        let known = newest.entry(group.to_owned()).or_default();
        *known = time.max(*known);
    }
    if newest.is_empty() {
        return Heard::Nothing;
    }
    Heard::Events(newest)
}

/// An ARN without the `:*` that some answers end it with; a session takes it without.
fn plain(arn: &str) -> &str {
    arn.strip_suffix(":*").unwrap_or(arn)
}

/// The name of a group, of its name, its ARN, or `ACCOUNT:NAME`, which sessions use. Names have no colon.
pub(in crate::cloudwatch) fn name(group: &str) -> &str {
    plain(group).rsplit(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_known_by_name_whatever_they_are_called() {
        for (group, expected) in [
            ("/shop", "/shop"),
            ("123456789012:/shop", "/shop"),
            (
                "arn:aws:logs:eu-west-1:123456789012:log-group:/shop:*",
                "/shop",
            ),
            (
                "arn:aws:logs:eu-west-1:123456789012:log-group:/shop",
                "/shop",
            ),
            ("", ""),
        ] {
            assert_eq!(name(group), expected, "{group}");
        }
    }

    #[tokio::test]
    async fn only_hosts_of_aws_have_a_sibling_for_sessions() {
        for (url, expected) in [
            ("", None),
            ("https://logs.eu-west-1.amazonaws.com", None),
            ("https://logs-fips.us-gov-east-1.amazonaws.com", None),
            ("http://127.0.0.1:5000", Some("http://127.0.0.1:5000/")),
            (
                "https://logs.shop.example/aws/",
                Some("https://logs.shop.example/aws/"),
            ),
        ] {
            let yaml = format!(
                "{{logGroups: [a], accessKeyId: k, secretAccessKey: s, endpointUrl: '{url}'}}"
            );
            let config = serde_saphyr::from_str(&yaml).unwrap();
            let cloud = Cloud::open(&config).await.unwrap();
            assert_eq!(cloud.tail_address().as_deref(), expected, "{url}");
        }
    }
}
