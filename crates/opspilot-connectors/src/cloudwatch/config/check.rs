//! Checks of the options.

use std::collections::BTreeSet;
use std::time::Duration;

use opspilot_core::config::KeyPath;
use opspilot_core::module::BuildError;

use super::Config;

/// The most groups: each is asked on its own.
const MOST_GROUPS: usize = 100;

/// The shortest that an answer may take, whatever the interval.
const SHORTEST_ANSWER: Duration = Duration::from_secs(5);

/// The longest that an answer may take.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

impl Config {
    /// Checks the options against their ranges and one another.
    pub(in crate::cloudwatch) fn check(&self) -> Result<(), BuildError> {
        let ranges = [
            ("pollIntervalMs", self.poll_interval_ms, 5000..=300_000),
            ("lookbackMs", self.lookback_ms, 60_000..=86_400_000),
            ("lateMs", self.late_ms, 0..=86_400_000),
            (
                "maxEventsPerPoll",
                u64::from(self.max_events_per_poll),
                1..=10_000,
            ),
        ];
        let ranges = ranges
            .into_iter()
            .filter(|(_, value, range)| !range.contains(value));
        let ranges = ranges.map(|(key, value, range)| {
            let message = format!("is {value}, must be {} to {}", range.start(), range.end());
            fault(&[key], &message)
        });
        let is_region = !self.region.is_empty()
            && self
                .region
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let region = (!is_region).then(|| {
            let message = format!(
                "`{}` is not a region: for example `eu-central-1`",
                self.region
            );
            fault(&["region"], &message)
        });
        let all = ranges.chain(region).chain(self.groups()).chain(self.keys());
        let all = all
            .chain(self.role())
            .chain(endpoint(&["endpointUrl"], &self.endpoint_url));
        BuildError::join(all).map_or(Ok(()), Err)
    }

    fn groups(&self) -> Vec<BuildError> {
        if self.log_groups.is_empty() {
            return vec![fault(&["logGroups"], "is missing: name the log groups")];
        }
        if self.log_groups.len() > MOST_GROUPS {
            let message = format!("has {} groups, at most 100", self.log_groups.len());
            return vec![fault(&["logGroups"], &message)];
        }
        let mut known = BTreeSet::new();
        let mut faults = Vec::new();
        for (index, group) in self.log_groups.iter().enumerate() {
            let key = KeyPath::of(["logGroups"]).with_index(index);
            if !is_group(group) {
                let message = format!("`{group}` is neither the name nor the ARN of a log group");
                faults.push(BuildError::option(key, message));
            } else if !known.insert(group) {
                faults.push(BuildError::option(key, format!("`{group}` is named twice")));
            }
        }
        faults
    }

    fn keys(&self) -> Option<BuildError> {
        let has_key = !self.access_key_id.is_empty();
        if has_key && self.secret_access_key.is_empty() {
            return Some(fault(
                &["secretAccessKey"],
                "is missing: `accessKeyId` is set",
            ));
        }
        let lonely = [
            ("secretAccessKey", &self.secret_access_key),
            ("sessionToken", &self.session_token),
        ];
        let (key, _) = lonely
            .into_iter()
            .find(|(_, secret)| !has_key && !secret.is_empty())?;
        Some(fault(&[key], "has no meaning without `accessKeyId`"))
    }

    fn role(&self) -> Vec<BuildError> {
        let Some(role) = &self.assume_role else {
            return Vec::new();
        };
        let mut faults = Vec::new();
        let is_role = role.arn.starts_with("arn:") && role.arn.contains(":role/");
        if !is_role {
            let message = format!("`{}` is not `arn:aws:iam::ACCOUNT:role/NAME`", role.arn);
            faults.push(fault(&["assumeRole", "arn"], &message));
        }
        let is_name = role
            .session_name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_=,.@-".contains(&byte));
        let is_long = role.session_name.len() <= 64 && role.session_name.len() != 1;
        if !(is_name && is_long) {
            faults.push(fault(
                &["assumeRole", "sessionName"],
                "must be 2 to 64 letters, digits and `_=,.@-`",
            ));
        }
        faults.extend(endpoint(&["assumeRole", "endpointUrl"], &role.endpoint_url));
        faults
    }

    /// How long an answer may take.
    pub(in crate::cloudwatch) fn timeout(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms).clamp(SHORTEST_ANSWER, LONGEST_ANSWER)
    }
}

/// Source: the pattern of `logGroupName` in the API reference of `CloudWatch` Logs.
fn is_group(group: &str) -> bool {
    let is_arn = group.starts_with("arn:") && group.contains(":log-group:");
    let is_known = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"._-/#".contains(&byte) || (is_arn && byte == b':')
    };
    let most = if is_arn { 2048 } else { 512 };
    (1..=most).contains(&group.len()) && group.bytes().all(is_known)
}

fn endpoint(key: &[&str], url: &str) -> Option<BuildError> {
    let host = url.strip_prefix("http://").unwrap_or_default();
    let is_loopback = ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        host.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    let is_fine = url.is_empty() || url.starts_with("https://") || is_loopback;
    (!is_fine).then(|| {
        let message =
            format!("`{url}` is not `https://…`: the log would be seen by everybody on the way");
        fault(key, &message)
    })
}

fn fault(key: &[&str], message: &str) -> BuildError {
    BuildError::option(KeyPath::of(key.iter().copied()), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named() {
        for (yaml, expected) in [
            ("{}", "logGroups: is missing: name the log groups"),
            ("{logGroups: [a b]}", "logGroups[0]: `a b` is neither"),
            ("{logGroups: [a, a]}", "logGroups[1]: `a` is named twice"),
            (
                "{logGroups: [a], pollIntervalMs: 1}",
                "pollIntervalMs: is 1, must be 5000 to 300000",
            ),
            (
                "{logGroups: [a], lookbackMs: 1}",
                "lookbackMs: is 1, must be 60000 to 86400000",
            ),
            (
                "{logGroups: [a], lateMs: 86400001}",
                "lateMs: is 86400001, must be 0 to 86400000",
            ),
            (
                "{logGroups: [a], maxEventsPerPoll: 0}",
                "maxEventsPerPoll: is 0, must be 1 to 10000",
            ),
            (
                "{logGroups: [a], region: 'EU/1'}",
                "region: `EU/1` is not a region",
            ),
            (
                "{logGroups: [a], accessKeyId: k}",
                "secretAccessKey: is missing: `accessKeyId` is set",
            ),
            (
                "{logGroups: [a], secretAccessKey: s}",
                "secretAccessKey: has no meaning without `accessKeyId`",
            ),
            (
                "{logGroups: [a], sessionToken: s}",
                "sessionToken: has no meaning without",
            ),
            (
                "{logGroups: [a], assumeRole: {}}",
                "assumeRole.arn: `` is not `arn:aws:iam::ACCOUNT:role/NAME`",
            ),
            (
                "{logGroups: [a], assumeRole: {arn: 'arn:aws:iam::1:role/r', sessionName: 'a b'}}",
                "assumeRole.sessionName: must be 2 to 64",
            ),
            (
                "{logGroups: [a], endpointUrl: 'http://localhost.evil.org'}",
                "endpointUrl: `http://localhost.evil.org` is not `https://",
            ),
        ] {
            let config: Config = serde_saphyr::from_str(yaml).unwrap();
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(expected), "{yaml}: {message}");
            assert!(!message.contains("secretAccessKey: s"), "{message}");
        }
    }

    #[test]
    fn the_keys_of_the_first_version_still_work() {
        let yaml = "{logGroups: [/aws/lambda/shop], region: us-east-1, accessKeyId: '', secretAccessKey: '', \
                    pollIntervalMs: 30000, source: cloudwatch, lookbackMs: 300000, maxEventsPerPoll: 1000, \
                    filterPattern: '', endpointUrl: ''}";
        let config: Config = serde_saphyr::from_str(yaml).unwrap();
        config.check().unwrap();
        let yaml = "{logGroups: ['arn:aws:logs:eu-west-1:123456789012:log-group:/a/b'], endpointUrl: 'http://127.0.0.1:5000'}";
        let config: Config = serde_saphyr::from_str(yaml).unwrap();
        config.check().unwrap();
    }
}
