//! The options of `connector.cloudwatch`.

use opspilot_core::config::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

#[cfg(feature = "cloudwatch")]
mod check;

/// The options of `connector.cloudwatch`.
///
/// ```
/// # let config: opspilot_connectors::cloudwatch::Config = serde_saphyr::from_str(r#"
/// logGroups: [/aws/lambda/shop, /ecs/cart]
/// region: eu-central-1
/// assumeRole: { arn: 'arn:aws:iam::123456789012:role/logs-reader', externalId: opspilot }
/// # "#).unwrap();
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// The log groups, 1 to 100, by name or by ARN (for those of other accounts).
    pub log_groups: Vec<String>,
    /// The region that they are in.
    pub region: String,
    /// An access key, together with `secretAccessKey`. Empty: the SDK looks for credentials in the environment, the shared
    /// configuration files, a web identity, the container and the instance.
    pub access_key_id: String,
    /// The secret of the access key.
    pub secret_access_key: Secret,
    /// The session token of a temporary access key.
    pub session_token: Secret,
    /// A role that is assumed with those credentials.
    pub assume_role: Option<AssumeRole>,
    /// The address of the service, in place of AWS' own: `https://…`, or `http://` on this machine. Empty: AWS' own.
    pub endpoint_url: String,
    /// Which events are wanted, as a filter pattern of `CloudWatch` Logs; empty means all of them.
    pub filter_pattern: String,
    /// The name that records carry as their source.
    pub source: String,
    /// How often each group is asked, in milliseconds, 5000 to 300000. An answer may take as long, up to 30 seconds.
    #[schemars(range(min = 5000, max = 300_000))]
    pub poll_interval_ms: u64,
    /// How far back the first start reads, in milliseconds, 60000 to 86400000.
    #[schemars(range(min = 60_000, max = 86_400_000))]
    pub lookback_ms: u64,
    /// How late an event may become visible after its own time, in milliseconds, 0 to 86400000: so much is read again at
    /// every poll.
    #[schemars(range(max = 86_400_000))]
    pub late_ms: u64,
    /// True to hold sessions of live tail open, one for ten groups, which tell within about a second that a group has
    /// something new: it is polled at once then, at most about once a second, besides the usual polls. AWS charges each
    /// session by the minute. It needs `logs:StartLiveTail`, and `logs:DescribeLogGroups` for groups that are not named by
    /// ARN. Default false.
    pub live_tail: bool,
    /// The most events of one page, 1 to 10000. All pages are read.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_events_per_poll: u32,
}

/// A role that is assumed.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AssumeRole {
    /// The role: `arn:aws:iam::ACCOUNT:role/NAME`.
    pub arn: String,
    /// The external id that the role asks for; empty for none.
    pub external_id: String,
    /// The name of the session, which AWS' own logs show.
    pub session_name: String,
    /// The address of the Security Token Service, in place of AWS' own; empty for AWS' own.
    pub endpoint_url: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log_groups: Vec::new(),
            region: "us-east-1".to_owned(),
            access_key_id: String::new(),
            secret_access_key: Secret::default(),
            session_token: Secret::default(),
            assume_role: None,
            endpoint_url: String::new(),
            filter_pattern: String::new(),
            source: "cloudwatch".to_owned(),
            poll_interval_ms: 30_000,
            lookback_ms: 300_000,
            late_ms: 60_000,
            live_tail: false,
            max_events_per_poll: 1000,
        }
    }
}
