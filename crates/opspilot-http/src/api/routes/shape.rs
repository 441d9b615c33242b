//! What a row takes and what it answers: the part of the OpenAPI document that stands beside the handlers.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::super::problem::Code;

/// Makes the schema of a type, and notes it among the definitions.
pub(in crate::api) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What a row takes and answers. What holds for every row of its kind (credentials, limits, idempotency keys) is not
/// repeated here.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct Shape {
    /// The usual answer.
    pub(in crate::api) answer: Reply,
    /// Another answer that is no error.
    pub(in crate::api) or: Option<Reply>,
    /// The parameters of the query string.
    pub(in crate::api) query: &'static [Input],
    /// True for lists that come in pages.
    pub(in crate::api) is_paged: bool,
    /// What is sent along.
    pub(in crate::api) body: Body,
    /// True if the answer has an entity tag, and requests may name one as their condition.
    pub(in crate::api) is_tagged: bool,
    /// What may go wrong besides what may go wrong everywhere.
    pub(in crate::api) problems: &'static [Code],
}

/// An answer that is no error.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct Reply {
    /// The status.
    pub(in crate::api) status: u16,
    /// What comes with it.
    pub(in crate::api) content: Content,
}

/// What comes with an answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) enum Content {
    /// Nothing.
    Nothing,
    /// JSON of a type.
    Json(SchemaOf),
    /// Text of one of these media types.
    Text(&'static [&'static str]),
}

/// What is sent along with a request.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) enum Body {
    /// Nothing is read.
    Nothing,
    /// A JSON object with these fields and no others; without any, also nothing.
    Fields(&'static [Input]),
    /// The same, with the fields of one of these.
    OneOf(&'static [&'static [Input]]),
    /// Any JSON in one of these media types.
    Any(&'static [&'static str]),
}

/// A parameter or a field.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct Input {
    /// Its name.
    pub(in crate::api) name: &'static str,
    /// What it says, in one sentence.
    pub(in crate::api) about: &'static str,
    /// True if it must be there.
    pub(in crate::api) is_required: bool,
    /// What it may be.
    pub(in crate::api) form: Form,
}

/// What a parameter or a field may be.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) enum Form {
    /// A text of 1 to so many characters.
    Text(usize),
    /// The same, or `null`.
    TextOrNull(usize),
    /// Up to so many texts of up to so many characters.
    Texts(usize, usize),
    /// A whole number from 1 to this.
    Number(u64),
    /// A place in a sequence of events: a whole number.
    Place,
    /// An RFC 3339 time.
    Time,
    /// A span of time such as `8h`.
    Span,
    /// Any object.
    Object,
    /// A value of a type.
    Of(SchemaOf),
    /// Values of a type, separated by commas.
    ListOf(SchemaOf),
    /// One of these words.
    Words(&'static [&'static str]),
}

impl Shape {
    /// A row that takes nothing and answers with JSON of this type and the status 200.
    pub(in crate::api) const fn json<T: JsonSchema>() -> Self {
        Self::of(Reply::json::<T>(200))
    }

    /// A row that takes nothing and answers with `answer`.
    pub(in crate::api) const fn of(answer: Reply) -> Self {
        Self {
            answer,
            or: None,
            query: &[],
            is_paged: false,
            body: Body::Nothing,
            is_tagged: false,
            problems: &[],
        }
    }

    /// The same with another answer.
    pub(in crate::api) const fn or(self, reply: Reply) -> Self {
        Self {
            or: Some(reply),
            ..self
        }
    }

    /// The same with parameters.
    pub(in crate::api) const fn query(self, query: &'static [Input]) -> Self {
        Self { query, ..self }
    }

    /// The same in pages.
    pub(in crate::api) const fn paged(self) -> Self {
        Self {
            is_paged: true,
            ..self
        }
    }

    /// The same with the fields of a body.
    pub(in crate::api) const fn fields(self, fields: &'static [Input]) -> Self {
        self.body(Body::Fields(fields))
    }

    /// The same with the fields of one of some bodies.
    pub(in crate::api) const fn one_of(self, bodies: &'static [&'static [Input]]) -> Self {
        self.body(Body::OneOf(bodies))
    }

    /// The same with a body.
    pub(in crate::api) const fn body(self, body: Body) -> Self {
        Self { body, ..self }
    }

    /// The same with an entity tag.
    pub(in crate::api) const fn tagged(self) -> Self {
        Self {
            is_tagged: true,
            ..self
        }
    }

    /// The same with errors of its own.
    pub(in crate::api) const fn problems(self, problems: &'static [Code]) -> Self {
        Self { problems, ..self }
    }
}

impl Reply {
    /// JSON of this type.
    pub(in crate::api) const fn json<T: JsonSchema>(status: u16) -> Self {
        Self {
            status,
            content: Content::Json(schema_of::<T>),
        }
    }

    /// A status alone.
    pub(in crate::api) const fn bare(status: u16) -> Self {
        Self {
            status,
            content: Content::Nothing,
        }
    }

    /// Text with the status 200.
    pub(in crate::api) const fn text(kinds: &'static [&'static str]) -> Self {
        Self {
            status: 200,
            content: Content::Text(kinds),
        }
    }
}

impl Input {
    /// Something that may be left out.
    pub(in crate::api) const fn new(name: &'static str, form: Form, about: &'static str) -> Self {
        Self {
            name,
            about,
            is_required: false,
            form,
        }
    }

    /// A text of 1 to `longest` characters.
    pub(in crate::api) const fn text(
        name: &'static str,
        longest: usize,
        about: &'static str,
    ) -> Self {
        Self::new(name, Form::Text(longest), about)
    }

    /// A value of a type.
    pub(in crate::api) const fn of<T: JsonSchema>(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Form::Of(schema_of::<T>), about)
    }

    /// Values of a type, separated by commas.
    pub(in crate::api) const fn list<T: JsonSchema>(
        name: &'static str,
        about: &'static str,
    ) -> Self {
        Self::new(name, Form::ListOf(schema_of::<T>), about)
    }

    /// The same, which must be there.
    pub(in crate::api) const fn required(self) -> Self {
        Self {
            is_required: true,
            ..self
        }
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
