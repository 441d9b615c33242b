//! Which rule a request is about: one that it brings along, or one of the configuration.

use opspilot_core::config::{ConfigErrors, ModuleOptions};
use opspilot_core::rules::{RuleDescription, RuleKind, RuleTrial};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::super::body::Fields;
use super::super::problem::{Code, Problem};
use super::super::routes::Input;
use super::super::state::State;
use super::{detectors, with_rules};

/// The longest ids, in characters.
pub(super) const ID_LENGTH: usize = 200;

/// The longest rule, in bytes.
pub(super) const RULE_LENGTH: usize = opspilot_core::config::RULE_LENGTH;

/// The detector whose kind of rule is meant when the request does not say.
const USUAL: &str = "detector.regex";

/// What may go wrong with any rule.
pub(super) const PROBLEMS: &[Code] = &[Code::NO_SUCH_RULE, Code::RULE_INVALID];

/// How a request says which rule it is about.
pub(super) const DETECTOR: Input = Input::text(
    "detector",
    ID_LENGTH,
    "The detector that the rule belongs to, or is for.",
);
pub(super) const ID: Input =
    Input::text("id", ID_LENGTH, "The id of a rule of the configuration.").required();
pub(super) const RULE: Input =
    Input::of::<Brought>("rule", "A whole rule: an object, or a text of YAML.").required();

/// A rule that comes along.
pub(super) struct Brought;

impl JsonSchema for Brought {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Brought".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["object", "string"], "maxLength": RULE_LENGTH })
    }
}

/// The rule that a request names or brings along. It is compiled elsewhere: that may take a while.
#[derive(Debug)]
pub(super) struct Wanted {
    detector: Option<String>,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    /// The id of one of the configuration.
    Known(String),
    /// YAML, or JSON as a text.
    Brought(String),
}

/// A rule, ready to be compiled.
#[derive(Debug)]
pub(super) struct Chosen {
    kind: &'static dyn RuleKind,
    options: ModuleOptions,
    index: usize,
    /// What it says.
    pub(super) rule: RuleDescription,
}

impl Wanted {
    /// The rule `text`, for `detector`.
    pub(super) fn brought(detector: &str, text: &str) -> Self {
        Self {
            detector: Some(detector.to_owned()),
            rule: Rule::Brought(text.to_owned()),
        }
    }

    /// Reads `detector` and one of `id` and `rule`; `None` after a fault, which `fields` tells.
    pub(super) fn of(fields: &mut Fields) -> Option<Self> {
        let detector = fields.text("detector", ID_LENGTH);
        let id = fields.text("id", ID_LENGTH);
        let brought = match fields.value("rule") {
            None => None,
            Some(Value::String(text)) => Some(text),
            Some(object @ Value::Object(_)) => Some(object.to_string()),
            Some(_) => {
                fields.refuse("rule", "write the rule as an object, or as a text of YAML");
                return None;
            }
        };
        let rule = match (id, brought) {
            (Some(id), None) => Rule::Known(id),
            (None, Some(text)) if text.len() <= RULE_LENGTH => Rule::Brought(text),
            (None, Some(_)) => {
                let help = format!("write at most {RULE_LENGTH} bytes");
                fields.refuse("rule", help);
                return None;
            }
            _ => {
                let help = "give either the id of a rule as `id`, or a whole rule as `rule`";
                fields.refuse("rule", help);
                return None;
            }
        };
        Some(Self { detector, rule })
    }

    /// Finds the rule, or reads the one that came along.
    ///
    /// # Errors
    /// When there is no such rule, or the one that came along is wrong.
    pub(super) fn find(self, state: &State) -> Result<Chosen, Problem> {
        match self.rule {
            Rule::Known(id) => known(state, self.detector.as_deref(), &id),
            Rule::Brought(text) => brought(state, self.detector.as_deref(), &text),
        }
    }
}

fn known(state: &State, detector: Option<&str>, id: &str) -> Result<Chosen, Problem> {
    let mut found = Vec::new();
    for one in detectors(state) {
        if detector.is_some_and(|detector| detector != one.options.id()) {
            continue;
        }
        let rules = one.kind.describe(&one.options).unwrap_or_default();
        let with_place = rules.into_iter().enumerate();
        let mut named = with_place.filter(|(_, rule)| rule.id == id);
        found.extend(named.next().map(|(index, rule)| Chosen {
            kind: one.kind,
            options: one.options,
            index,
            rule,
        }));
    }
    if found.len() > 1 {
        let ids: Vec<_> = found.iter().map(|one| one.options.id()).collect();
        let detail = format!(
            "several detectors have a rule of this name: name one of {} as `detector`",
            ids.join(", ")
        );
        return Err(Problem::of(Code::INVALID_REQUEST).detail(detail));
    }
    found.pop().ok_or_else(|| Problem::of(Code::NO_SUCH_RULE))
}

fn brought(state: &State, detector: Option<&str>, text: &str) -> Result<Chosen, Problem> {
    let id = detector.unwrap_or(USUAL);
    let factory = state.cx.system.factory(id);
    let found = factory.and_then(|factory| Some((factory, factory.rules()?)));
    let Some((factory, kind)) = found else {
        let detail = format!(
            "no detector with rules has this id; there are {}",
            with_rules(state).join(", ")
        );
        return Err(Problem::of(Code::INVALID_REQUEST).detail(detail));
    };
    let options = ModuleOptions::with_rule(&factory.config_schema(), text)
        .map_err(|errors| invalid(&errors))?;
    let mut described = kind.describe(&options).map_err(|errors| invalid(&errors))?;
    let rule = described
        .pop()
        .ok_or_else(|| Problem::of(Code::NO_SUCH_RULE))?;
    Ok(Chosen {
        kind,
        options,
        index: 0,
        rule,
    })
}

/// A rule with faults, each with its place.
fn invalid(errors: &ConfigErrors) -> Problem {
    Problem::of(Code::RULE_INVALID)
        .detail(errors.to_string())
        .with("faults", json!(errors.faults()))
}

impl Chosen {
    /// Compiles the rule.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(super) fn prepare(&self) -> Result<Box<dyn RuleTrial>, Problem> {
        self.kind
            .prepare(&self.options, self.index)
            .map_err(|errors| invalid(&errors))
    }

    /// The id of the module that the rule is for.
    pub(super) fn detector(&self) -> &str {
        self.options.id()
    }
}
