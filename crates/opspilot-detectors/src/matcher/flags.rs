//! JavaScript's regular expression flags.

use super::pattern::PatternError;

/// What the flags of a pattern say.
///
/// `i`, `m` and `s` mean what they mean in JavaScript. `g`, `y`, `u` and `d` are accepted without effect: a rule asks
/// whether a line matches, wherever that is. Source: ECMA-262, section 22.2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// `i`: letters match in either case. An ASCII letter has its ASCII counterpart only.
    pub ignore_case: bool,
    /// `m`: `^` and `$` match at every line end within a record that has several lines.
    pub multi_line: bool,
    /// `s`: `.` matches line ends too.
    pub dot_all: bool,
}

impl Flags {
    /// Reads flags from their letters.
    ///
    /// # Errors
    /// When a letter is unknown, repeated, or is `v`.
    pub fn parse(letters: &str) -> Result<Self, PatternError> {
        let mut flags = Self::default();
        for (index, letter) in letters.char_indices() {
            if letters.chars().take(index).any(|earlier| earlier == letter) {
                return Err(PatternError::new(format!(
                    "the flag `{letter}` is given twice"
                )));
            }
            match letter {
                'i' => flags.ignore_case = true,
                'm' => flags.multi_line = true,
                's' => flags.dot_all = true,
                'g' | 'y' | 'u' | 'd' => {}
                'v' => {
                    return Err(PatternError::new(
                        "the flag `v` is not supported: leave it out",
                    ));
                }
                other => {
                    let message =
                        format!("`{other}` is not a flag: write a selection of `i`, `m` and `s`");
                    return Err(PatternError::new(message));
                }
            }
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::Flags;

    #[test]
    fn letters_are_read() {
        let all = Flags {
            ignore_case: true,
            multi_line: true,
            dot_all: true,
        };
        assert_eq!(Flags::parse("gimsuyd").unwrap(), all);
        assert_eq!(Flags::parse("").unwrap(), Flags::default());
    }

    #[test]
    fn wrong_letters_are_named() {
        for (letters, part) in [
            ("v", "`v`"),
            ("ii", "twice"),
            ("ix", "`x`"),
            ("é", "`é`"),
            ("éé", "`é`"),
        ] {
            let error = Flags::parse(letters).unwrap_err().to_string();
            assert!(error.contains(part), "{letters}: {error}");
        }
    }
}
