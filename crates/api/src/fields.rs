//! Reading the object of a request, field by field.
//!
//! Unknown fields are passed over, as client libraries may be newer than this node. `null` counts
//! as absent. A value of the wrong type is an error that names its field.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use trunkline_core::limits::BATCH_ITEMS;

use crate::error::ApiError;

/// Fields one object may have. No method knows a third of that.
const FIELDS: usize = 64;

/// The fields of a JSON object.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// The field this object is the value of, for messages.
    within: Option<&'static str>,
}

impl<'a> Fields<'a> {
    /// Reads an object. No text at all is read as an empty one, for methods without arguments.
    pub(crate) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        if text.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text)
    }

    /// Reads a value that is known to be JSON as an object; `what` names it in the error.
    pub(crate) fn of(value: &'a RawValue, what: &str) -> Result<Self, ApiError> {
        serde_json::from_str(value.get())
            .map_err(|error| ApiError::bad_request(format!("{what} must be an object: {error}")))
    }

    /// All fields, in their order.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|(name, value)| (&**name, *value))
    }

    /// A value as it stands; the last one, should there be several.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.stated(name).filter(|value| value.get() != "null")
    }

    /// Like [`Fields::raw`], for a field in which `null` is a value like any other.
    pub(crate) fn stated(&self, name: &str) -> Option<&'a RawValue> {
        self.members.iter().rfind(|(member, _)| member == name).map(|(_, value)| *value)
    }

    /// A text; empty when absent.
    pub(crate) fn text(&self, name: &str) -> Result<Cow<'a, str>, ApiError> {
        let Some(value) = self.raw(name) else { return Ok(Cow::Borrowed("")) };
        text(value).ok_or_else(|| self.must_be(name, "a string"))
    }

    /// A text of at most `most` bytes; empty when absent.
    pub(crate) fn short_text(&self, name: &str, most: usize) -> Result<Cow<'a, str>, ApiError> {
        let text = self.text(name)?;
        if text.len() > most {
            return Err(self.must_be(name, &format!("at most {most} bytes long")));
        }
        Ok(text)
    }

    /// A flag; false when absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        self.value(name, "true or false").map(Option::unwrap_or_default)
    }

    /// A whole number that may be negative.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.value(name, "a whole number")
    }

    /// A whole number that may not be negative.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.value(name, "a whole number, and not negative")
    }

    /// An object.
    pub(crate) fn object(&self, name: &'static str) -> Result<Option<Fields<'a>>, ApiError> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        let fields: Fields<'a> =
            serde_json::from_str(value.get()).map_err(|_| self.must_be(name, "an object"))?;
        Ok(Some(Fields { within: Some(name), ..fields }))
    }

    /// A list of at most [`BATCH_ITEMS`] values; empty when absent.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<&'a RawValue>, ApiError> {
        let Some(value) = self.raw(name) else { return Ok(Vec::new()) };
        let list: List<'a> = serde_json::from_str(value.get())
            .map_err(|_| self.must_be(name, &format!("a list of at most {BATCH_ITEMS} items")))?;
        Ok(list.0)
    }

    /// A list of at most [`BATCH_ITEMS`] texts; empty when absent.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<Cow<'a, str>>, ApiError> {
        let list = self.list(name)?;
        let texts: Option<Vec<_>> = list.into_iter().map(text).collect();
        texts.ok_or_else(|| self.must_be(name, "a list of strings"))
    }

    fn value<T: DeserializeOwned>(&self, name: &str, what: &str) -> Result<Option<T>, ApiError> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        serde_json::from_str(value.get()).map(Some).map_err(|_| self.must_be(name, what))
    }

    /// The error for a field that is not what it must be.
    pub(crate) fn must_be(&self, name: &str, what: &str) -> ApiError {
        ApiError::bad_request(match self.within {
            Some(within) => format!("`{within}.{name}` must be {what}"),
            None => format!("`{name}` must be {what}"),
        })
    }
}

/// The text of a JSON string; `None` for any other value.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object of at most {FIELDS} fields")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    if members.len() == FIELDS {
                        return Err(Error::invalid_length(FIELDS + 1, &self));
                    }
                    members.push((name, value));
                }
                Ok(Fields { members, within: None })
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// A list that is given up as soon as it is too long.
struct List<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;

        impl<'de> Visitor<'de> for Items {
            type Value = List<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {BATCH_ITEMS} items")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == BATCH_ITEMS {
                        return Err(Error::invalid_length(BATCH_ITEMS + 1, &self));
                    }
                    items.push(item);
                }
                Ok(List(items))
            }
        }

        deserializer.deserialize_seq(Items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint<T: fmt::Debug>(outcome: Result<T, ApiError>) -> String {
        String::from_utf8(outcome.unwrap_err().to_json()).unwrap()
    }

    #[test]
    fn fields_are_read_by_name() {
        let fields =
            Fields::parse(r#" {"s":"a\u0062","n":-3,"f":true,"l":["x"],"o":{"k":1},"z":null} "#)
                .unwrap();
        assert_eq!(fields.text("s").unwrap(), "ab");
        assert_eq!(fields.number("n").unwrap(), Some(-3));
        assert!(fields.flag("f").unwrap());
        assert_eq!(fields.texts("l").unwrap(), ["x"]);
        assert_eq!(fields.object("o").unwrap().unwrap().count("k").unwrap(), Some(1));
        assert!(fields.raw("z").is_none() && fields.stated("z").is_some());
        assert_eq!(fields.text("missing").unwrap(), "");
    }

    #[test]
    fn a_wrong_type_is_named() {
        let fields = Fields::parse(r#"{"s":1,"n":-1,"o":{"k":"x"},"l":[1],"m":1.5}"#).unwrap();
        assert!(complaint(fields.text("s")).contains("`s` must be a string"));
        assert!(complaint(fields.count("n")).contains("`n` must be a whole number"));
        assert!(complaint(fields.number("m")).contains("`m`"));
        assert!(complaint(fields.texts("l")).contains("`l`"));
        let inner = fields.object("o").unwrap().unwrap();
        assert!(complaint(inner.number("k")).contains("`o.k`"));
    }

    #[test]
    fn what_is_too_much_is_not_kept() {
        let many: Vec<String> = (0..=FIELDS).map(|n| format!("\"f{n}\":0")).collect();
        let error = Fields::parse(&format!("{{{}}}", many.join(","))).unwrap_err();
        assert!(error.is_data(), "{error}");
        let long = format!("{{\"l\":[{}0]}}", "0,".repeat(BATCH_ITEMS));
        assert!(complaint(Fields::parse(&long).unwrap().list("l")).contains("at most 1000"));
    }

    #[test]
    fn broken_json_and_wrong_shapes_are_told_apart() {
        assert!(Fields::parse("{\"a\":").unwrap_err().is_eof());
        assert!(Fields::parse("{'a'}").unwrap_err().is_syntax());
        assert!(Fields::parse("{} {}").unwrap_err().is_syntax());
        assert!(Fields::parse("[1]").unwrap_err().is_data());
        assert!(Fields::parse(" \n").unwrap().raw("a").is_none());
    }
}
