//! Asks AWS.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::{Credentials, Region, SharedCredentialsProvider};
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use opspilot_core::module::RunError;
use ring::digest;

use super::config::{AssumeRole, Config};
use super::ledger::Dated;
use super::trouble::{Asked, Kind, Trouble};

mod tail;

pub(super) use self::tail::{Heard, Tail, name};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How often credentials are asked for in a row.
const ATTEMPTS: u32 = 3;

/// An event of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) log_stream: String,
    /// The id that the service gave it; empty for none.
    pub(super) event: String,
    /// Its own time, in milliseconds since 1970.
    pub(super) time: i64,
    /// When the service received it.
    pub(super) ingested: Option<i64>,
    pub(super) message: String,
    id: u64,
}

impl Event {
    fn new(event: FilteredLogEvent) -> Self {
        let mut new = Self {
            log_stream: event.log_stream_name.unwrap_or_default(),
            event: event.event_id.unwrap_or_default(),
            time: event.timestamp.unwrap_or_default(),
            ingested: event.ingestion_time,
            message: event.message.unwrap_or_default(),
            id: 0,
        };
        let mut context = digest::Context::new(&digest::SHA256);
        let own = if new.event.is_empty() {
            format!("{}|{:?}|{}", new.time, new.ingested, new.message)
        } else {
            new.event.clone()
        };
        for part in [&new.log_stream, &own] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let bytes = context.finish().as_ref().first_chunk().copied();
        new.id = bytes.map_or(0, u64::from_be_bytes);
        new
    }
}

impl Dated for Event {
    fn time(&self) -> i64 {
        self.time
    }

    fn id(&self) -> u64 {
        self.id
    }
}

/// One page of a group.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) events: Vec<Event>,
    /// Asks for the next page.
    pub(super) rest: Option<String>,
}

/// Which events are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The first time, in milliseconds since 1970.
    pub(super) from: i64,
    /// The last time.
    pub(super) to: Option<i64>,
}

/// The service.
#[derive(Debug)]
pub(super) struct Cloud {
    client: Client,
    config: Config,
}

impl Cloud {
    /// Reads the configuration of the SDK. Asks nobody yet.
    pub(super) async fn open(config: &Config) -> Result<Self, RunError> {
        let base = base(config).await;
        let provider = match &config.assume_role {
            Some(role) => Some(assumed(&base, role).await?),
            None => base.credentials_provider(),
        };
        let mut builder = aws_sdk_cloudwatchlogs::config::Builder::from(&base);
        builder.set_credentials_provider(provider);
        if !config.endpoint_url.is_empty() {
            builder = builder.endpoint_url(&config.endpoint_url);
        }
        // The pauses are ours: they are long, have jitter, and the health tells of them.
        let builder = builder.retry_config(RetryConfig::disabled());
        Ok(Self {
            client: Client::from_conf(builder.build()),
            config: config.clone(),
        })
    }

    /// A page of `group`.
    pub(super) async fn page(
        &self,
        group: &str,
        span: Span,
        rest: Option<&str>,
    ) -> Result<Found, Trouble> {
        let most = i32::try_from(self.config.max_events_per_poll).unwrap_or(i32::MAX);
        let pattern = Some(&self.config.filter_pattern).filter(|pattern| !pattern.is_empty());
        let request = self.client.filter_log_events();
        let request = if group.starts_with("arn:") {
            request.log_group_identifier(group)
        } else {
            request.log_group_name(group)
        };
        let request = request
            .start_time(span.from.max(0))
            .set_end_time(span.to)
            .set_filter_pattern(pattern.cloned())
            .set_next_token(rest.map(str::to_owned))
            .limit(most);
        match Box::pin(request.send()).await {
            Ok(page) if page.next_token.is_some() && page.next_token.as_deref() == rest => {
                let message = format!("log group `{group}`: the same page comes again and again");
                Err(Trouble::new(Kind::Stale, message))
            }
            Ok(page) => Ok(Found {
                rest: page.next_token,
                events: page
                    .events
                    .unwrap_or_default()
                    .into_iter()
                    .map(Event::new)
                    .collect(),
            }),
            Err(error) => {
                let asked = Asked {
                    what: &format!("log group `{group}`"),
                    action: "logs:FilterLogEvents",
                    on: &format!("`{group}`"),
                };
                Err(Trouble::of(self, asked, &error))
            }
        }
    }

    #[cfg(test)]
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn region(&self) -> &str {
        &self.config.region
    }

    /// The service by name.
    pub(super) fn service(&self) -> String {
        match self.config.endpoint_url.as_str() {
            "" => format!("CloudWatch Logs of region {}", self.config.region),
            url => format!("CloudWatch Logs at `{url}`"),
        }
    }

    /// Whose credentials are used.
    pub(super) fn identity(&self) -> String {
        match (self.role(), self.has_keys()) {
            (Some(role), _) => format!("the role `{role}`"),
            (None, true) => format!("the access key {}", self.config.access_key_id),
            (None, false) => "the machine's credentials".to_owned(),
        }
    }

    pub(super) fn role(&self) -> Option<&str> {
        self.config
            .assume_role
            .as_ref()
            .map(|role| role.arn.as_str())
    }

    pub(super) const fn has_keys(&self) -> bool {
        !self.config.access_key_id.is_empty()
    }
}

/// What holds for all services.
async fn base(config: &Config) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_timeout(config.timeout())
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(config.region.clone()))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts);
    let loader = if config.access_key_id.is_empty() {
        loader
    } else {
        let token = Some(config.session_token.expose()).filter(|token| !token.is_empty());
        loader.credentials_provider(Credentials::new(
            &config.access_key_id,
            config.secret_access_key.expose(),
            token.map(str::to_owned),
            None,
            "configuration",
        ))
    };
    Box::pin(loader.load()).await
}

/// The credentials of a role.
async fn assumed(
    base: &SdkConfig,
    role: &AssumeRole,
) -> Result<SharedCredentialsProvider, RunError> {
    let Some(own) = base.credentials_provider() else {
        return Err(RunError::message("the SDK has no provider of credentials"));
    };
    let mut shared = base.clone().into_builder();
    if !role.endpoint_url.is_empty() {
        shared = shared.endpoint_url(&role.endpoint_url);
    }
    let name = match role.session_name.as_str() {
        "" => "opspilot",
        name => name,
    };
    let mut builder = AssumeRoleProvider::builder(&role.arn)
        .configure(&shared.build())
        .session_name(name);
    if !role.external_id.is_empty() {
        builder = builder.external_id(&role.external_id);
    }
    let provider = Box::pin(builder.build_from_provider(own)).await;
    Ok(SharedCredentialsProvider::new(provider))
}
