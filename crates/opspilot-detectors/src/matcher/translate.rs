//! From the parsed pattern to the engine's representation, with JavaScript's meaning of flags and classes.

use regex_syntax::ast::{self, Ast};
use regex_syntax::hir::translate::Translator as Tables;
use regex_syntax::hir::{Capture, Class, ClassUnicode, Hir, HirKind, Look, Repetition};

use super::class;
use super::flags::Flags;
use super::pattern::PatternError;

/// Translates `ast`, the parsed form of `pattern`.
///
/// Depth is bounded by the parser's nest limit.
pub(super) fn translate(ast: &Ast, pattern: &str, flags: Flags) -> Result<Hir, PatternError> {
    Translator { pattern, flags }.node(ast)
}

struct Translator<'a> {
    pattern: &'a str,
    flags: Flags,
}

impl Translator<'_> {
    fn node(&mut self, ast: &Ast) -> Result<Hir, PatternError> {
        Ok(match ast {
            Ast::Empty(_) => Hir::empty(),
            Ast::Flags(set) => {
                self.set_flags(&set.flags)?;
                Hir::empty()
            }
            Ast::Literal(literal) => self.literal(literal.c),
            Ast::Dot(_) => set(class::dot(self.flags.dot_all)),
            Ast::Assertion(assertion) => Hir::look(self.look(&assertion.kind)?),
            Ast::ClassUnicode(unicode) => set(self.maybe_folded(self.tables(unicode)?)),
            Ast::ClassPerl(perl) => set(shorthand(perl)),
            Ast::ClassBracketed(bracketed) => set(self.bracketed(bracketed)?),
            Ast::Repetition(repetition) => self.repetition(repetition)?,
            Ast::Group(group) => self.group(group)?,
            Ast::Alternation(alternation) => Hir::alternation(self.nodes(&alternation.asts)?),
            Ast::Concat(concat) => Hir::concat(self.nodes(&concat.asts)?),
        })
    }

    fn nodes(&mut self, asts: &[Ast]) -> Result<Vec<Hir>, PatternError> {
        asts.iter().map(|ast| self.node(ast)).collect()
    }

    fn literal(&self, literal: char) -> Hir {
        if self.flags.ignore_case {
            return set(class::fold(&class::range(literal, literal)));
        }
        Hir::literal(literal.encode_utf8(&mut [0; 4]).as_bytes())
    }

    fn look(&self, kind: &ast::AssertionKind) -> Result<Look, PatternError> {
        use ast::AssertionKind as Kind;
        Ok(match kind {
            Kind::StartLine if self.flags.multi_line => Look::StartCRLF,
            Kind::EndLine if self.flags.multi_line => Look::EndCRLF,
            Kind::StartLine | Kind::StartText => Look::Start,
            Kind::EndLine | Kind::EndText => Look::End,
            Kind::WordBoundary => Look::WordAscii,
            Kind::NotWordBoundary => Look::WordAsciiNegate,
            _ => {
                return Err(PatternError::new(
                    "this form of `\\b` is not supported: write `\\b`",
                ));
            }
        })
    }

    fn repetition(&mut self, repetition: &ast::Repetition) -> Result<Hir, PatternError> {
        let (min, max) = match repetition.op.kind {
            ast::RepetitionKind::ZeroOrOne => (0, Some(1)),
            ast::RepetitionKind::ZeroOrMore => (0, None),
            ast::RepetitionKind::OneOrMore => (1, None),
            ast::RepetitionKind::Range(ast::RepetitionRange::Exactly(count)) => {
                (count, Some(count))
            }
            ast::RepetitionKind::Range(ast::RepetitionRange::AtLeast(least)) => (least, None),
            ast::RepetitionKind::Range(ast::RepetitionRange::Bounded(least, most)) => {
                (least, Some(most))
            }
        };
        let sub = Box::new(self.node(&repetition.ast)?);
        Ok(Hir::repetition(Repetition {
            min,
            max,
            greedy: repetition.greedy,
            sub,
        }))
    }

    /// Flags set inside of a group hold until its end.
    fn group(&mut self, group: &ast::Group) -> Result<Hir, PatternError> {
        let outer = self.flags;
        if let ast::GroupKind::NonCapturing(flags) = &group.kind {
            self.set_flags(flags)?;
        }
        let sub = self.node(&group.ast)?;
        self.flags = outer;
        Ok(match &group.kind {
            ast::GroupKind::NonCapturing(_) => sub,
            ast::GroupKind::CaptureIndex(index) => Hir::capture(Capture {
                index: *index,
                name: None,
                sub: Box::new(sub),
            }),
            ast::GroupKind::CaptureName { name, .. } => {
                let label = Some(name.name.as_str().into());
                Hir::capture(Capture {
                    index: name.index,
                    name: label,
                    sub: Box::new(sub),
                })
            }
        })
    }

    fn set_flags(&mut self, flags: &ast::Flags) -> Result<(), PatternError> {
        let mut on = true;
        for item in &flags.items {
            match item.kind {
                ast::FlagsItemKind::Negation => on = false,
                ast::FlagsItemKind::Flag(ast::Flag::CaseInsensitive) => self.flags.ignore_case = on,
                ast::FlagsItemKind::Flag(ast::Flag::MultiLine) => self.flags.multi_line = on,
                ast::FlagsItemKind::Flag(ast::Flag::DotMatchesNewLine) => self.flags.dot_all = on,
                ast::FlagsItemKind::Flag(_) => {
                    return Err(PatternError::new(
                        "of the flags inside of a pattern only `i`, `m` and `s` are supported",
                    ));
                }
            }
        }
        Ok(())
    }

    fn bracketed(&self, bracketed: &ast::ClassBracketed) -> Result<ClassUnicode, PatternError> {
        let mut class = match &bracketed.kind {
            ast::ClassSet::Item(item) => self.item(item)?,
            ast::ClassSet::BinaryOp(_) => return Err(set_operator()),
        };
        if bracketed.negated {
            class.negate();
        }
        Ok(class)
    }

    fn item(&self, item: &ast::ClassSetItem) -> Result<ClassUnicode, PatternError> {
        Ok(match item {
            ast::ClassSetItem::Empty(_) => ClassUnicode::empty(),
            ast::ClassSetItem::Literal(literal) => {
                self.maybe_folded(class::range(literal.c, literal.c))
            }
            ast::ClassSetItem::Range(range) => {
                self.maybe_folded(class::range(range.start.c, range.end.c))
            }
            ast::ClassSetItem::Ascii(ascii) => self.maybe_folded(posix(ascii)),
            ast::ClassSetItem::Unicode(unicode) => self.maybe_folded(self.tables(unicode)?),
            ast::ClassSetItem::Perl(perl) => shorthand(perl),
            ast::ClassSetItem::Bracketed(bracketed) => self.bracketed(bracketed)?,
            ast::ClassSetItem::Union(union) => {
                let mut class = ClassUnicode::empty();
                for item in &union.items {
                    class.union(&self.item(item)?);
                }
                class
            }
        })
    }

    fn maybe_folded(&self, class: ClassUnicode) -> ClassUnicode {
        if self.flags.ignore_case {
            class::fold(&class)
        } else {
            class
        }
    }

    /// A class such as `\p{L}`, from the Unicode tables.
    fn tables(&self, unicode: &ast::ClassUnicode) -> Result<ClassUnicode, PatternError> {
        let ast = Ast::class_unicode(unicode.clone());
        let hir = Tables::new().translate(self.pattern, &ast);
        let hir = hir.map_err(|error| PatternError::new(error.kind().to_string()))?;
        match hir.into_kind() {
            HirKind::Class(Class::Unicode(class)) => Ok(class),
            _ => Err(PatternError::new(
                "a class such as `\\p{…}` has no characters",
            )),
        }
    }
}

fn set(class: ClassUnicode) -> Hir {
    Hir::class(Class::Unicode(class))
}

fn set_operator() -> PatternError {
    PatternError::new(
        "operators between classes are not supported: write the characters of the class out",
    )
}

fn shorthand(perl: &ast::ClassPerl) -> ClassUnicode {
    let mut class = match perl.kind {
        ast::ClassPerlKind::Digit => class::digit(),
        ast::ClassPerlKind::Space => class::space(),
        ast::ClassPerlKind::Word => class::word(),
    };
    if perl.negated {
        class.negate();
    }
    class
}

fn posix(ascii: &ast::ClassAscii) -> ClassUnicode {
    use ast::ClassAsciiKind as Kind;
    let holds = |byte: &u8| match ascii.kind {
        Kind::Alnum => byte.is_ascii_alphanumeric(),
        Kind::Alpha => byte.is_ascii_alphabetic(),
        Kind::Ascii => true,
        Kind::Blank => matches!(byte, b'\t' | b' '),
        Kind::Cntrl => byte.is_ascii_control(),
        Kind::Digit => byte.is_ascii_digit(),
        Kind::Graph => byte.is_ascii_graphic(),
        Kind::Lower => byte.is_ascii_lowercase(),
        Kind::Print => (b' '..=b'~').contains(byte),
        Kind::Punct => byte.is_ascii_punctuation(),
        Kind::Space => matches!(byte, b'\t'..=b'\r' | b' '),
        Kind::Upper => byte.is_ascii_uppercase(),
        Kind::Word => byte.is_ascii_alphanumeric() || *byte == b'_',
        Kind::Xdigit => byte.is_ascii_hexdigit(),
    };
    let mut class = ClassUnicode::empty();
    for byte in (0..=0x7f_u8).filter(holds) {
        class.union(&class::range(byte.into(), byte.into()));
    }
    if ascii.negated {
        class.negate();
    }
    class
}
