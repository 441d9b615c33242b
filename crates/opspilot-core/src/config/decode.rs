//! From the tree to Rust types, with the place of whatever does not fit.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::fault::{Fault, KeyPath, Origin, Segment};
use super::nearest::suggestion;
use super::tree::{Entry, Node, Value, kind};

/// Makes a value of type `T` out of a tree that stands at `path`.
///
/// # Errors
/// The first fault, with the place of the value it concerns.
pub(crate) fn decode<T: DeserializeOwned>(node: &Node, path: &KeyPath) -> Result<T, Fault> {
    T::deserialize(Decoder(node)).map_err(|error| error.within(node).into_fault(path))
}

/// What a fault says in place of a reason that could repeat a secret.
pub(crate) const HIDDEN_VALUE_REFUSED: &str =
    "this value is not accepted (neither it nor the reason is shown, because it may be a secret)";

/// What a type refused, collecting its place on the way out of the tree.
#[derive(Debug)]
struct DecodeError {
    message: String,
    help: Option<String>,
    /// Innermost step first.
    path: Vec<Segment>,
    origin: Option<Origin>,
    hidden: bool,
}

impl DecodeError {
    fn new(message: String) -> Self {
        Self {
            message,
            help: None,
            path: Vec::new(),
            origin: None,
            hidden: false,
        }
    }

    fn at_key(mut self, entry: &Entry) -> Self {
        self.path.push(Segment::Key(entry.key.as_str().into()));
        self.origin.get_or_insert_with(|| entry.origin.clone());
        self
    }

    /// Marks the innermost node that could not be taken.
    fn within(mut self, node: &Node) -> Self {
        if self.origin.is_none() {
            self.origin = Some(node.origin.clone());
            self.hidden = node.holds_hidden();
        }
        self
    }

    fn step(mut self, segment: Segment, node: &Node) -> Self {
        self = self.within(node);
        self.path.push(segment);
        self
    }

    fn into_fault(self, prefix: &KeyPath) -> Fault {
        let mut path = prefix.clone();
        for segment in self.path.into_iter().rev() {
            path.push(segment);
        }
        let message = if self.hidden {
            HIDDEN_VALUE_REFUSED.to_owned()
        } else {
            self.message
        };
        let mut fault = Fault::new(self.origin.unwrap_or(Origin::Inline), path, message);
        fault.help = self.help;
        fault
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    /// Says the kind of what was found, never the value: this level does not know what is secret.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}, found {}", words(&found)))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("not an allowed value: expected {expected}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self {
            help: Some(suggestion(
                field,
                "the keys here are",
                expected.iter().copied(),
            )),
            ..Self::new("unknown key".to_owned())
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self {
            help: Some(suggestion(
                variant,
                "write one of",
                expected.iter().copied(),
            )),
            ..Self::new("not an allowed value".to_owned())
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"))
    }
}

const fn words(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a truth value",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
        Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) => "text",
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a section",
        _ => "something else",
    }
}

#[derive(Clone, Copy)]
struct Decoder<'a>(&'a Node);

impl<'de> Deserializer<'de> for Decoder<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Integer(number) => visit_integer(*number, visitor),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Value::Map(entries) => visitor.visit_map(Entries {
                entries: entries.iter(),
                current: None,
            }),
            Value::Invalid => Err(DecodeError::new("the value is not known".to_owned())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.0.value {
            Value::Text(name) => visitor.visit_enum(Variant {
                name,
                content: None,
            }),
            Value::Map(entries) if let [entry] = entries.as_slice() => {
                visitor.visit_enum(Variant {
                    name: &entry.key,
                    content: Some(&entry.node),
                })
            }
            other => Err(DecodeError::new(format!(
                "expected a name, found {}",
                kind(other)
            ))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

fn visit_integer<'de, V: Visitor<'de>>(number: i128, visitor: V) -> Result<V::Value, DecodeError> {
    if let Ok(number) = u64::try_from(number) {
        return visitor.visit_u64(number);
    }
    match i64::try_from(number) {
        Ok(number) => visitor.visit_i64(number),
        Err(_) => visitor.visit_i128(number),
    }
}

struct Items<'a>(std::iter::Enumerate<std::slice::Iter<'a, Node>>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some((index, node)) = self.0.next() else {
            return Ok(None);
        };
        let value = seed.deserialize(Decoder(node));
        value
            .map(Some)
            .map_err(|error| error.step(Segment::Index(index), node))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, Entry>,
    current: Option<&'a Entry>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        self.current = self.entries.next();
        let Some(entry) = self.current else {
            return Ok(None);
        };
        let key = StrDeserializer::<DecodeError>::new(&entry.key);
        seed.deserialize(key)
            .map(Some)
            .map_err(|error| error.at_key(entry))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        let Some(entry) = self.current else {
            return Err(DecodeError::new("a value without a key".to_owned()));
        };
        let segment = || Segment::Key(entry.key.as_str().into());
        seed.deserialize(Decoder(&entry.node))
            .map_err(|error| error.step(segment(), &entry.node))
    }
}

/// A choice: a bare name, or a section whose one key is the name.
struct Variant<'a> {
    name: &'a str,
    content: Option<&'a Node>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), DecodeError> {
        let name: StrDeserializer<'_, DecodeError> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> Result<Decoder<'de>, DecodeError> {
        self.content
            .map(Decoder)
            .ok_or_else(|| DecodeError::new(format!("`{}` needs its own keys", self.name)))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.content.map(|node| &node.value) {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(DecodeError::new(format!("`{}` takes no keys", self.name))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.content()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.content()?.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests;
