//! The catalogue: what the configuration allows to be done, and nothing else.
//!
//! An entry names a program, unit, address or workload, and the parameters that a proposal may fill in, each with a
//! schema. `Prepared` is an entry that was checked whole; it becomes a type of action once there is a
//! world to act on.

mod argument;
mod options;
mod prepared;
mod template;
#[cfg(test)]
mod tests;

pub use options::{
    Command, Compensation, Entry, Http, Kubernetes, KubernetesVerb, Limits, Method, Parameter,
    PostCondition, Run, Sandbox, Systemd, SystemdVerb, WorkloadKind,
};

pub(crate) use argument::{Parameters, Value, Values};
pub(crate) use prepared::{Prepared, prepare};
pub(crate) use template::Template;
