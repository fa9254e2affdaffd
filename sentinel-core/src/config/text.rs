//! A text in a configuration: as it is, or the place where it is kept.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::secret::{Secret, SecretError, SecretSource};

/// A text as it is, or `{ env = "NAME" }`, or `{ file = "PATH" }`: for addresses that may hold a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextSetting(pub(super) SecretSource);

/// `{ env = "NAME" }` or `{ file = "PATH" }`, and nothing else: a secret has no business in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSetting(pub(super) SecretSource);

impl TextSetting {
    /// The text.
    ///
    /// # Errors
    /// It is not where it should be.
    pub fn read(&self) -> Result<Secret, SecretError> {
        self.0.read()
    }
}

impl SecretSetting {
    /// The secret.
    ///
    /// # Errors
    /// It is not where it should be.
    pub fn read(&self) -> Result<Secret, SecretError> {
        self.0.read()
    }
}

struct Source {
    plain: bool,
}

impl<'de> Visitor<'de> for Source {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.plain { "a text, " } else { "" })?;
        f.write_str("{ env = \"NAME\" } or { file = \"PATH\" }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretSource, E> {
        if self.plain {
            return Ok(SecretSource::Given(Secret::new(text)));
        }
        // The usual message would repeat the text.
        Err(E::custom("a secret does not belong into this file: use { env = \"NAME\" } or { file = \"PATH\" }"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
        let Some(place) = map.next_key::<String>()? else {
            return Err(A::Error::custom("expected { env = \"NAME\" } or { file = \"PATH\" }"));
        };
        let name: String = map.next_value()?;
        let source = match place.as_str() {
            "env" => SecretSource::Env(name),
            "file" => SecretSource::File(name.into()),
            other => return Err(A::Error::unknown_field(other, &["env", "file"])),
        };
        match map.next_key::<String>()? {
            None => Ok(source),
            Some(_) => Err(A::Error::custom("one place is enough: either env or file")),
        }
    }
}

impl<'de> Deserialize<'de> for TextSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Source { plain: true }).map(Self)
    }
}

impl<'de> Deserialize<'de> for SecretSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Source { plain: false }).map(Self)
    }
}

fn place(name: &str) -> Schema {
    json_schema!({
        "type": "object",
        "properties": { name: { "type": "string" } },
        "required": [name],
        "additionalProperties": false
    })
}

impl JsonSchema for TextSetting {
    fn schema_name() -> Cow<'static, str> {
        "TextSetting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A text, or the environment variable or file that holds it.",
            "oneOf": [{ "type": "string" }, place("env"), place("file")]
        })
    }
}

impl JsonSchema for SecretSetting {
    fn schema_name() -> Cow<'static, str> {
        "SecretSetting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The environment variable or file that holds a secret.",
            "oneOf": [place("env"), place("file")]
        })
    }
}

/// One text, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum OneOrMore {
    /// One.
    One(TextSetting),
    /// Several, in the order in which they are tried.
    More(Vec<TextSetting>),
}

impl OneOrMore {
    /// All of them.
    pub fn as_slice(&self) -> &[TextSetting] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMore, E> {
                Source { plain: true }.visit_str(text).map(TextSetting).map(OneOrMore::One)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMore, A::Error> {
                Source { plain: true }.visit_map(map).map(TextSetting).map(OneOrMore::One)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMore, A::Error> {
                let mut more = Vec::new();
                while let Some(one) = list.next_element()? {
                    more.push(one);
                }
                Ok(OneOrMore::More(more))
            }
        }

        deserializer.deserialize_any(Either)
    }
}
