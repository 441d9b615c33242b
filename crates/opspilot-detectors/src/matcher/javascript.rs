//! Rewrites JavaScript's regular expression syntax to the parser's, where the two differ.

/// Rewrites `pattern` so that the parser reads it the way JavaScript does.
///
/// Covered: `[` and set operators inside of a class are plain characters (POSIX classes such as `[:alpha:]` stay), `[]`
/// and `[^]`, `{` that is no counted repetition, `\<`, `\>` and `\0`, and the backspace `[\b]`.
pub(super) fn rewrite(pattern: &str) -> String {
    let mut rewriter = Rewriter {
        rest: pattern,
        out: String::with_capacity(pattern.len() + 8),
    };
    while let Some(next) = rewriter.next() {
        match next {
            '\\' => rewriter.escape(false),
            '[' => rewriter.class(),
            '{' if !rewriter.is_count() => rewriter.out.push_str(r"\{"),
            other => rewriter.out.push(other),
        }
    }
    rewriter.out
}

struct Rewriter<'a> {
    rest: &'a str,
    out: String,
}

impl Rewriter<'_> {
    fn next(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let next = rest.next()?;
        self.rest = rest.as_str();
        Some(next)
    }

    fn skip(&mut self, prefix: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(prefix) else {
            return false;
        };
        self.rest = rest;
        true
    }

    /// The part behind a backslash.
    fn escape(&mut self, in_class: bool) {
        match self.next() {
            Some('0') if !self.rest.starts_with(|next: char| next.is_ascii_digit()) => {
                self.out.push_str(r"\x00");
            }
            Some('b') if in_class => self.out.push_str(r"\x08"),
            Some(plain @ ('<' | '>')) => self.out.push(plain),
            Some(brace @ ('p' | 'P' | 'u' | 'x')) => {
                self.out.extend(['\\', brace]);
                if self.skip("{") {
                    self.out.push('{');
                }
            }
            Some(other) => self.out.extend(['\\', other]),
            None => self.out.push('\\'),
        }
    }

    /// A class; its opening bracket is already consumed.
    fn class(&mut self) {
        if self.skip("^]") {
            return self.out.push_str(r"[\s\S]");
        }
        if self.skip("]") {
            return self.out.push_str(r"[^\s\S]");
        }
        self.out.push('[');
        if self.skip("^") {
            self.out.push('^');
        }
        while let Some(next) = self.next() {
            match next {
                '\\' => self.escape(true),
                '[' => self.bracket_in_class(),
                '&' | '~' | '^' => self.out.extend(['\\', next]),
                '-' if self.rest.starts_with('-') => self.out.push_str(r"\-"),
                ']' => return self.out.push(']'),
                other => self.out.push(other),
            }
        }
    }

    /// A bracket inside of a class: the start of a POSIX class, or a plain character.
    fn bracket_in_class(&mut self) {
        let posix = self
            .rest
            .strip_prefix(':')
            .and_then(|rest| rest.split_once(":]"));
        match posix {
            Some((name, rest)) if name.chars().all(|c| c.is_ascii_lowercase() || c == '^') => {
                self.out.extend(["[:", name, ":]"]);
                self.rest = rest;
            }
            _ => self.out.push_str(r"\["),
        }
    }

    /// Whether what follows the `{` that was just read makes it a counted repetition: `{2}`, `{2,}` or `{2,5}`.
    fn is_count(&self) -> bool {
        let Some((count, _)) = self.rest.split_once('}') else {
            return false;
        };
        let (least, most) = count.split_once(',').unwrap_or((count, ""));
        !least.is_empty()
            && [least, most]
                .iter()
                .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

#[cfg(test)]
mod tests {
    use super::rewrite;

    #[test]
    fn what_differs_is_rewritten() {
        let rows = [
            (r"a[[]b", r"a[\[]b"),
            (r"[&&--~~]", r"[\&\&\--\~\~]"),
            (r"[^]x[]", r"[\s\S]x[^\s\S]"),
            (r#"{"a":{1,2}"#, r#"\{"a":{1,2}"#),
            (r"x{,3}", r"x\{,3}"),
            (r"\<a\>\0", r"<a>\x00"),
            (r"[\b]\b", r"[\x08]\b"),
            (r"[[:alpha:]_]", r"[[:alpha:]_]"),
            (r"\p{L}\u{41}", r"\p{L}\u{41}"),
            (r"[a^b]", r"[a\^b]"),
        ];
        for (pattern, expected) in rows {
            assert_eq!(rewrite(pattern), expected);
        }
    }

    #[test]
    fn what_is_the_same_stays() {
        for pattern in [
            r"(\w+)\s*=\s*[\d.]+$",
            r"^(?:a|b){2,}?\.\/",
            r"\[error\] \(x\)",
            "\\",
        ] {
            assert_eq!(rewrite(pattern), pattern);
        }
    }
}
