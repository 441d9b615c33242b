//! What a client says on a WebSocket, which may be anything.

use opspilot_core::incident::Severity;
use serde::Deserialize;
use serde_json::Value;

use super::interest::Filter;

/// The most values of one filter, and the longest of them in bytes.
const VALUES: usize = 16;
const LONGEST: usize = 256;

/// Something that a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// To be sent events of these types from now on, or from behind a place in the journal.
    Subscribe {
        events: Vec<String>,
        filter: Filter,
        after: Option<u64>,
    },
    /// To be sent events of these types no more.
    Unsubscribe { events: Vec<String> },
    /// A sign of life.
    Ping,
}

/// The members of all messages. Their types are checked one by one, so that the answer can name the one at fault.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    action: Value,
    events: Option<Value>,
    severity: Option<Value>,
    incident: Option<Value>,
    module: Option<Value>,
    after: Option<Value>,
}

impl Ask {
    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with it, for the client.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let message: Message = serde_json::from_str(text).map_err(|fault| fault_of(&fault))?;
        match message.action.as_str() {
            Some("ping") => Ok(Self::Ping),
            Some("subscribe") => Ok(Self::Subscribe {
                events: events(message.events)?,
                filter: Filter {
                    severities: severities(message.severity)?,
                    incidents: values("incident", message.incident)?,
                    modules: values("module", message.module)?,
                },
                after: message.after.as_ref().map(place).transpose()?,
            }),
            Some("unsubscribe") => Ok(Self::Unsubscribe {
                events: events(message.events)?,
            }),
            _ => Err("unknown action: `action` is `subscribe`, `unsubscribe` or `ping`".to_owned()),
        }
    }
}

fn fault_of(fault: &serde_json::Error) -> String {
    match fault.is_data() {
        true => format!("the message is not one of this protocol: {fault}"),
        false => format!("the message is not JSON: {fault}"),
    }
}

fn events(given: Option<Value>) -> Result<Vec<String>, String> {
    let wrong = || "`events` must be a list of types, such as [\"incident.created\"]".to_owned();
    let Some(Value::Array(list)) = given else {
        return Err(wrong());
    };
    let text = |value| match value {
        Value::String(text) => Ok(text),
        _ => Err(wrong()),
    };
    list.into_iter().map(text).collect()
}

fn severities(given: Option<Value>) -> Result<Vec<Severity>, String> {
    let list = values("severity", given)?;
    let read = |text: &String| {
        let wrong =
            || "`severity` must be a list of `info`, `warning` and `critical`, or one".to_owned();
        serde_json::from_value(Value::from(text.as_str())).map_err(|_| wrong())
    };
    list.iter().map(read).collect()
}

/// The values of a filter: one text, or a list of them; empty without any.
fn values(name: &str, given: Option<Value>) -> Result<Vec<String>, String> {
    let wrong = || {
        format!("`{name}` must be a text or a list of at most {VALUES}, of {LONGEST} bytes at most")
    };
    let list = match given {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) => vec![Value::String(text)],
        Some(Value::Array(list)) if list.len() <= VALUES => list,
        Some(_) => return Err(wrong()),
    };
    let text = |value| match value {
        Value::String(text) if text.len() <= LONGEST => Ok(text),
        _ => Err(wrong()),
    };
    list.into_iter().map(text).collect()
}

fn place(given: &Value) -> Result<u64, String> {
    let wrong = || "`after` must be the `id` of an event, a whole number".to_owned();
    given.as_u64().ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_of_the_contract_are_understood() {
        let subscribe = |events: &[&str], filter, after| Ask::Subscribe {
            events: events.iter().map(|name| (*name).to_owned()).collect(),
            filter,
            after,
        };
        let rows = [
            (r#"{"action":"ping"}"#, Ask::Ping),
            (
                r#"{"action":"subscribe","events":["incident.created","x"]}"#,
                subscribe(&["incident.created", "x"], Filter::default(), None),
            ),
            (
                r#"{"action":"unsubscribe","events":[]}"#,
                Ask::Unsubscribe { events: Vec::new() },
            ),
            (
                r#"{"action":"subscribe","events":[],"severity":"critical","incident":["a","b"],"module":null,"after":7}"#,
                subscribe(
                    &[],
                    Filter {
                        severities: vec![Severity::Critical],
                        incidents: vec!["a".into(), "b".into()],
                        modules: Vec::new(),
                    },
                    Some(7),
                ),
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(Ask::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let many = serde_json::json!({
            "action": "subscribe", "events": [], "module": vec!["m"; VALUES + 1],
        });
        let long = serde_json::json!({
            "action": "subscribe", "events": [], "incident": "i".repeat(LONGEST + 1),
        });
        let rows = [
            ("", "not JSON"),
            ("{", "not JSON"),
            ("[]", "protocol"),
            ("null", "protocol"),
            ("{}", "`action`"),
            (r#"{"action":1}"#, "unknown action"),
            (r#"{"action":"Subscribe","events":[]}"#, "unknown action"),
            (r#"{"action":"subscribe"}"#, "`events`"),
            (r#"{"action":"subscribe","events":"all"}"#, "`events`"),
            (r#"{"action":"subscribe","events":[1]}"#, "`events`"),
            (
                r#"{"action":"subscribe","events":[],"severity":"bad"}"#,
                "`severity`",
            ),
            (
                r#"{"action":"subscribe","events":[],"after":-1}"#,
                "`after`",
            ),
            (
                r#"{"action":"subscribe","events":[],"after":"1"}"#,
                "`after`",
            ),
            (
                r#"{"action":"subscribe","events":[],"severities":[]}"#,
                "`severities`",
            ),
            (r#"{"action":"ping","action":"ping"}"#, "duplicate"),
            (&many.to_string(), "`module`"),
            (&long.to_string(), "`incident`"),
        ];
        for (text, part) in rows {
            let told = Ask::parse(text).unwrap_err();
            assert!(told.contains(part), "{text}: {told}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[\{\}\[\]":,a-z0-9\\ ]{0,60}"#) {
            Ask::parse(&text).ok();
        }
    }
}
