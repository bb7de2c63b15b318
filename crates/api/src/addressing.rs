//! What the publications of a route say: whom they name, and what they carry for them.

use bytes::Bytes;
use serde_json::value::RawValue;
use trunkline_core::identity::UserId;
use trunkline_node::routes::Address;

use crate::fields::Fields;
use crate::inbox;

/// Reads publications that are JSON objects: the user is in `user_field`, a text or a whole number;
/// what they are given is the value of `data_field` as it is written, or without one the object
/// without the user.
#[must_use]
pub fn address(user_field: &str, data_field: Option<&str>) -> Address {
    let (user_field, data_field) = (user_field.to_owned(), data_field.map(str::to_owned));
    Box::new(move |said| read(said, &user_field, data_field.as_deref()))
}

fn read(said: &Bytes, user_field: &str, data_field: Option<&str>) -> Option<(UserId, Bytes)> {
    let text = std::str::from_utf8(said).ok()?;
    let fields = Fields::parse(text).ok()?;
    let user = inbox::user(&fields, user_field).ok().filter(|user| !user.is_anonymous())?;
    let data = match data_field {
        Some(name) => said.slice_ref(fields.stated(name)?.get().as_bytes()),
        None => rest(&fields, user_field).into(),
    };
    Some((user, data))
}

/// The object without a field.
fn rest(fields: &Fields<'_>, without: &str) -> String {
    let member = |(name, value): (&str, &RawValue)| {
        // A text is written as JSON without fail.
        format!("{}:{}", serde_json::Value::from(name), value.get())
    };
    let others = fields.members().filter(|(name, _)| *name != without);
    format!("{{{}}}", others.map(member).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(said: &str, data_field: Option<&str>) -> Option<(String, String)> {
        let (user, data) =
            address("user_id", data_field)(&Bytes::copy_from_slice(said.as_bytes()))?;
        Some((user.as_str().into(), String::from_utf8(data.to_vec()).unwrap()))
    }

    #[test]
    fn users_are_numbers_or_texts_and_data_arrives_as_written() {
        let some = |user: &str, data: &str| Some((user.to_owned(), data.to_owned()));
        let said = r#"{"user_id": 42, "data": {"n": 1.50, "t":"\u0061"}, "x":1}"#;
        assert_eq!(read_as(said, Some("data")), some("42", r#"{"n": 1.50, "t":"\u0061"}"#));
        let said = r#"{"a": [1, 2],"user_id":"ann","b\"":null}"#;
        assert_eq!(read_as(said, None), some("ann", r#"{"a":[1, 2],"b\"":null}"#));
        assert_eq!(read_as(r#"{"user_id":"ann","data":null}"#, Some("data")), some("ann", "null"));
    }

    #[test]
    fn what_names_nobody_or_carries_nothing_is_no_message() {
        let long = format!("{{\"user_id\":\"{}\"}}", "x".repeat(300));
        for said in [
            "",
            "[]",
            "{",
            "nonsense",
            "{\"data\":1}",
            "{\"user_id\":\"\",\"data\":1}",
            "{\"user_id\":1.5,\"data\":1}",
            "{\"user_id\":null,\"data\":1}",
            long.as_str(),
        ] {
            assert_eq!(read_as(said, None), None, "{said}");
        }
        assert_eq!(read_as("{\"user_id\":1}", Some("data")), None);
    }
}
