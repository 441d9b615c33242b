//! Puts the values of `OPSPILOT_*` variables into the tree, and refuses those that set nothing.

use super::environment::{Environment, PREFIX};
use super::fault::{Fault, KeyPath, Origin, Report};
use super::modules::{KnownModules, NAMED_MODULES};
use super::nearest::{nearest, plain};
use super::tree::{Entry, Node, Value};
use super::variables::{Declared, Form, SPECIALS, Special, declared};
use super::yaml::{self, Source};

/// Applies every `OPSPILOT_*` variable.
pub(crate) fn apply(
    root: &mut Node,
    environment: &Environment,
    known: &KnownModules,
    report: &mut Report,
) {
    let mut overrides = Overrides {
        root,
        known,
        declared: None,
        taken: Vec::new(),
        without_module: Vec::new(),
        report,
    };
    for (name, value) in environment.of_opspilot() {
        if !is_service_link(name, value) {
            overrides.apply(name, value);
        }
    }
    overrides.warn_of_absent_modules();
}

struct Overrides<'a> {
    root: &'a mut Node,
    known: &'a KnownModules,
    /// Made when the first variable asks for it: most starts need none.
    declared: Option<Vec<Declared>>,
    /// Names already seen, reduced to letters and digits, with the variable that used it.
    taken: Vec<(String, String)>,
    without_module: Vec<String>,
    report: &'a mut Report,
}

impl Overrides<'_> {
    fn apply(&mut self, name: &str, value: &str) {
        let wanted = plain(name.get(PREFIX.len()..).unwrap_or_default());
        if let Some((_, other)) = self.taken.iter().find(|(taken, _)| *taken == wanted) {
            let message = format!("sets the same key as `{other}`");
            return self.fault(name, message, "unset one of the two".to_owned());
        }
        self.taken.push((wanted.clone(), name.to_owned()));
        let special = SPECIALS
            .iter()
            .find(|(_, special, ..)| plain(special) == wanted);
        if let Some((special, _, path, _)) = special {
            return self.special(*special, name, path, value);
        }
        if let Some((path, form)) = self.key(&wanted) {
            match value_node(name, value, form) {
                Some(node) => self.root.set(&path, node),
                None => self.fault(
                    name,
                    "the value is not YAML".to_owned(),
                    "write a list as `[a, b]` and a section as `{key: value}`".to_owned(),
                ),
            }
        } else if self.is_of_absent_module(&wanted) {
            self.without_module.push(name.to_owned());
        } else {
            self.unknown(name, &wanted);
        }
    }

    fn declared(&mut self) -> &[Declared] {
        self.declared.get_or_insert_with(|| declared(self.known))
    }

    fn key(&mut self, wanted: &str) -> Option<(Vec<String>, Form)> {
        let mut all = self.declared().iter();
        let found = all.find(|declared| declared.plain == wanted)?;
        Some((found.path.clone(), found.form))
    }

    /// Says whether a name begins with the id of a module that is named but not built in.
    fn is_of_absent_module(&self, wanted: &str) -> bool {
        let is_of = |id: &str| wanted.starts_with(&format!("modules{}", plain(id)));
        let mut absent = NAMED_MODULES
            .iter()
            .filter(|id| self.known.get(id).is_none());
        absent.any(|id| is_of(id))
    }

    fn special(&mut self, special: Special, name: &str, path: &[&str], value: &str) {
        if let ["modules", id, ..] = path {
            let has_section = self.root.at(["modules", *id]).is_some();
            if !has_section || self.known.get(id).is_none() {
                return self.without_module.push(name.to_owned());
            }
        }
        let node = text_node(name, value);
        match special {
            Special::Ignored => {}
            Special::AdminKey => self.add_admin_key(node),
            Special::IfAbsent => {
                let present = self.root.at(path.iter().copied()).is_some_and(is_set);
                if !present {
                    let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
                    self.root.set(&path, node);
                }
            }
        }
    }

    fn add_admin_key(&mut self, key: Node) {
        let origin = key.origin.clone();
        let entry = |name: &str, node: Node| Entry {
            key: name.to_owned(),
            origin: origin.clone(),
            node,
        };
        let text = |text: &str| Node::new(Value::Text(text.to_owned()), origin.clone());
        let added = Value::Map(vec![
            entry("label", text("env-api-key")),
            entry("key", key),
            entry("role", text("admin")),
            entry("kind", text("human")),
        ]);
        let added = Node::new(added, origin.clone());
        let keys = ["auth".to_owned(), "apiKeys".to_owned()];
        let present = self.root.at(["auth", "apiKeys"]).cloned();
        let list = match present {
            Some(Node {
                value: Value::List(mut items),
                origin,
                ..
            }) => {
                items.push(added);
                Node::new(Value::List(items), origin)
            }
            Some(node) if is_set(&node) => return,
            _ => Node::new(Value::List(vec![added]), origin),
        };
        self.root.set(&keys, list);
    }

    fn unknown(&mut self, name: &str, wanted: &str) {
        let specials: Vec<(String, String)> = SPECIALS
            .iter()
            .map(|(_, special, ..)| (plain(special), format!("{PREFIX}{special}")))
            .collect();
        let rule = self
            .declared()
            .iter()
            .map(|d| (d.plain.as_str(), d.name.as_str()));
        let outside = specials
            .iter()
            .map(|(plain, name)| (plain.as_str(), name.as_str()));
        let all: Vec<(&str, &str)> = rule.chain(outside).collect();
        let near = nearest(wanted, all.iter().map(|(plain, _)| *plain));
        let near = near.and_then(|near| all.iter().find(|(plain, _)| *plain == near));
        let help = match near {
            Some((_, near)) => format!("did you mean `{near}`?"),
            None => "unset it, or see the reference of variables".to_owned(),
        };
        self.fault(name, "no key has this variable".to_owned(), help);
    }

    fn fault(&mut self, name: &str, message: String, help: String) {
        let fault = Fault::new(origin(name), KeyPath::default(), message);
        self.report.fault(fault.help(help));
    }

    /// One warning for all variables of modules that are not there.
    fn warn_of_absent_modules(&mut self) {
        let Some(first) = self.without_module.first() else {
            return;
        };
        let message = match self.without_module.as_slice() {
            [_] => "has no effect: its module is not there or has no section".to_owned(),
            all => format!(
                "{} have no effect: their module is not there or has no section",
                all.join(", ")
            ),
        };
        self.report
            .warn(Fault::new(origin(first), KeyPath::default(), message));
    }
}

fn origin(name: &str) -> Origin {
    Origin::Variable { name: name.into() }
}

const fn is_set(node: &Node) -> bool {
    !matches!(node.value, Value::Null)
}

fn text_node(name: &str, value: &str) -> Node {
    let mut node = Node::new(Value::Text(value.to_owned()), origin(name));
    node.hide();
    node
}

/// The value of a variable as a tree; nothing if it should be YAML and is not.
fn value_node(name: &str, value: &str, form: Form) -> Option<Node> {
    let mut node = match form {
        Form::Text => text_node(name, value),
        Form::Single => Node {
            loose: true,
            ..text_node(name, value)
        },
        Form::Yaml => {
            let mut node = yaml::parse(value, &Source::Variable(name.into())).ok()?;
            let mut twice = Report::default();
            node.refuse_duplicates(&mut KeyPath::default(), &mut twice);
            if !twice.faults.is_empty() {
                return None;
            }
            node
        }
    };
    node.hide();
    Some(node)
}

/// Says whether a container platform set this variable because a service is called `opspilot`
/// (`OPSPILOT_SERVICE_HOST`, `OPSPILOT_PORT=tcp://…`, `OPSPILOT_PORT_3000_TCP_ADDR`).
/// Source: Kubernetes, "Accessing the Service", environment variables.
fn is_service_link(name: &str, value: &str) -> bool {
    let rest = name.get(PREFIX.len()..).unwrap_or_default();
    let is_port =
        |rest: &str| rest == "PORT" && (value.starts_with("tcp://") || value.starts_with("udp://"));
    let numbered = |rest: &str| {
        rest.strip_prefix("PORT_")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    rest == "SERVICE_HOST"
        || rest == "SERVICE_PORT"
        || rest.starts_with("SERVICE_PORT_")
        || is_port(rest)
        || numbered(rest)
}
