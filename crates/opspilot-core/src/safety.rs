//! Safe action: what may be done, who may decide it, and the record that proves both.
//!
//! ```text
//! proposal -> human decision -> token (15 minutes, single use) -> gated execution -> audit
//! ```
//!
//! - [`action`]: an action with everything that a token is bound to, and [`action::Approved`], the only value that an
//!   executor accepts;
//! - [`audit`]: the hash-chained, signed log of what was done, by whom;
//! - [`catalogue`]: the types of action that there are, each with its executor;
//! - [`credentials`]: keys, tokens and sessions, by which people, services and agents prove who they are;
//! - [`identity`]: people, services and agents, and what they may do;
//! - [`proposal`]: a proposal and its life, as pure transitions; [`refusal`]: why one is refused;
//! - [`gate`]: stores proposals and decisions, and turns a [`token`] into an [`action::Approved`];
//! - [`powers`]: what a module and a user interface may do with it;
//! - [`runner`]: carries approved actions out; [`execution`]: the record of that;
//! - [`runbook`]: ordered steps for an incident, whose deeds pass the gate like all others.

pub mod action;
pub mod audit;
pub mod catalogue;
pub mod credentials;
pub mod execution;
pub mod gate;
pub mod identity;
pub mod powers;
pub mod proposal;
pub mod refusal;
pub mod runbook;
pub mod runner;
pub mod token;
