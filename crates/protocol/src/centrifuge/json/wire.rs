//! The commands as they stand on the wire.
//!
//! Everything borrows from the message. `null` counts as absent, as it does for the protocol's
//! own servers, except as a payload, where it is a value like any other.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One command: an id and, of a correct client, one request.
#[derive(serde::Deserialize)]
pub(super) struct Command<'a> {
    pub(super) id: Option<u32>,
    #[serde(borrow)]
    pub(super) connect: Option<Object<Connect<'a>>>,
    #[serde(borrow)]
    pub(super) subscribe: Option<Object<Subscribe<'a>>>,
    #[serde(borrow)]
    pub(super) unsubscribe: Option<Object<OfChannel<'a>>>,
    #[serde(borrow)]
    pub(super) publish: Option<Object<Publish<'a>>>,
    #[serde(borrow)]
    pub(super) presence: Option<Object<OfChannel<'a>>>,
    #[serde(borrow)]
    pub(super) presence_stats: Option<Object<OfChannel<'a>>>,
    #[serde(borrow)]
    pub(super) history: Option<Object<History<'a>>>,
    #[serde(borrow)]
    pub(super) send: Option<Object<Send<'a>>>,
    #[serde(borrow)]
    pub(super) rpc: Option<Object<Rpc<'a>>>,
    #[serde(borrow)]
    pub(super) refresh: Option<Object<Refresh<'a>>>,
    #[serde(borrow)]
    pub(super) sub_refresh: Option<Object<SubRefresh<'a>>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Connect<'a> {
    #[serde(borrow)]
    pub(super) token: Text<'a>,
    #[serde(borrow)]
    pub(super) data: Payload<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) version: Text<'a>,
    #[serde(borrow)]
    pub(super) subs: Option<BTreeMap<Text<'a>, Object<Subscribe<'a>>>>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Subscribe<'a> {
    #[serde(borrow)]
    pub(super) channel: Text<'a>,
    #[serde(borrow)]
    pub(super) token: Text<'a>,
    pub(super) recover: Option<bool>,
    #[serde(borrow)]
    pub(super) epoch: Text<'a>,
    pub(super) offset: Option<u64>,
    #[serde(borrow)]
    pub(super) tag: Text<'a>,
    pub(super) join_leave: Option<bool>,
    #[serde(borrow)]
    pub(super) delta: Text<'a>,
    pub(super) flag: Option<i64>,
    pub(super) r#type: Option<i32>,
    #[serde(borrow)]
    pub(super) tf: Payload<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct OfChannel<'a> {
    #[serde(borrow)]
    pub(super) channel: Text<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Publish<'a> {
    #[serde(borrow)]
    pub(super) channel: Text<'a>,
    #[serde(borrow)]
    pub(super) data: Payload<'a>,
    pub(super) r#type: Option<i32>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct History<'a> {
    #[serde(borrow)]
    pub(super) channel: Text<'a>,
    pub(super) limit: Option<i32>,
    #[serde(borrow)]
    pub(super) since: Option<Object<Since<'a>>>,
    pub(super) reverse: Option<bool>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Since<'a> {
    pub(super) offset: Option<u64>,
    #[serde(borrow)]
    pub(super) epoch: Text<'a>,
    #[serde(borrow)]
    pub(super) tag: Text<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Send<'a> {
    #[serde(borrow)]
    pub(super) data: Payload<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Rpc<'a> {
    #[serde(borrow)]
    pub(super) method: Text<'a>,
    #[serde(borrow)]
    pub(super) data: Payload<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct Refresh<'a> {
    #[serde(borrow)]
    pub(super) token: Text<'a>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub(super) struct SubRefresh<'a> {
    #[serde(borrow)]
    pub(super) channel: Text<'a>,
    #[serde(borrow)]
    pub(super) token: Text<'a>,
    pub(super) r#type: Option<i32>,
}

/// A text; borrowed unless it holds escapes.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
                Ok(Text::default())
            }
        }

        // Not `deserialize_str`, which would not let `null` through.
        deserializer.deserialize_any(Reader)
    }
}

/// The text of one JSON value, as it came; empty when absent.
#[derive(Default)]
pub(super) struct Payload<'a>(pub(super) &'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Payload<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(raw.get()))
    }
}

/// A message that must be a JSON object. Derived readers alone would take an array for one.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Reader(PhantomData))
    }
}
