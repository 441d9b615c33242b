//! Changes of rules that somebody proposes and somebody else approves. The configuration file stays the only truth: a
//! change holds the new text of one rule and the digest of the file that it was made for, never the file.
//!
//! ```text
//! proposed ─ approve ─▶ applying ─ replaced and reloaded ─▶ applied
//!    │                     ├─ refused by the server ─▶ failed
//!    ├─ refuse ─▶ refused  └─ the file was changed ─▶ outdated
//!    ├─ withdraw ─▶ withdrawn
//!    └─ approve, and the file was changed ─▶ outdated
//! ```
//!
//! What is approved is the text of the whole file that the change makes (`result`): whoever approves names the digest that
//! they saw. The author never approves, under no spelling of their name. Every step is audited.

mod applying;
mod deciding;
mod drafting;
mod record;
mod review;
#[cfg(test)]
mod tests;

pub use self::drafting::{Draft, Preview};
pub use self::record::{Ask, ChangeKind, ChangeStatus, ConfigChange, Evidence, Verdict};
pub use self::review::{ChangeError, RuleChanges};
