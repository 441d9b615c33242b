//! How a value compares to a threshold.

use schemars::JsonSchema;
use serde::Deserialize;

/// How a value compares to a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// Greater than.
    Gt,
    /// Greater than or equal to.
    Gte,
    /// Less than.
    Lt,
    /// Less than or equal to.
    Lte,
    /// Equal to.
    Eq,
}

impl Operator {
    /// The symbol that stands for it in texts.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Gt => ">",
            Self::Gte => ">=",
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Eq => "==",
        }
    }

    #[expect(clippy::float_cmp, reason = "`eq` is documented to be exact")]
    pub(super) fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Gt => value > threshold,
            Self::Gte => value >= threshold,
            Self::Lt => value < threshold,
            Self::Lte => value <= threshold,
            Self::Eq => value == threshold,
        }
    }

    /// Whether `clear` may be the clear threshold of `threshold`.
    #[expect(clippy::float_cmp, reason = "`eq` is documented to be exact")]
    pub(super) fn allows(self, clear: f64, threshold: f64) -> bool {
        clear.is_finite()
            && match self {
                Self::Gt | Self::Gte => clear <= threshold,
                Self::Lt | Self::Lte => clear >= threshold,
                Self::Eq => clear == threshold,
            }
    }
}
