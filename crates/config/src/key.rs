//! One key of the configuration: its name, its meaning, and what it may be set to.

use std::net::SocketAddr;
use std::path::PathBuf;

use trunkline_auth::Secret;
use trunkline_core::rate::Rate;

use crate::listen::Listen;
use crate::quantity::{bytes, millis, rate, show_bytes, show_millis, show_rate};
use crate::value::Value;

/// A key that sets something in an `S`.
pub(crate) struct Key<S> {
    /// The full name, such as `client.anonymous`.
    pub(crate) name: &'static str,
    /// What it does, in sentences, without line breaks or table characters.
    pub(crate) doc: &'static str,
    /// A value to show where the default shows nothing, as TOML.
    pub(crate) example: Option<&'static str>,
    /// What it may be set to.
    pub(crate) kind: Kind<S>,
    /// Whether it has to be set although its kind can be without.
    required: bool,
}

/// Where in an `S` a value is kept.
type Slot<S, T> = fn(&mut S) -> &mut T;

/// What a key may be set to, and where that is kept.
pub(crate) enum Kind<S> {
    Flag(Slot<S, bool>),
    Count(Slot<S, usize>, usize, usize),
    /// Bytes, from and to.
    Size(Slot<S, usize>, usize, usize),
    /// Milliseconds, from and to.
    Time(Slot<S, u64>, u64, u64),
    /// So many in so much time.
    Rate(Slot<S, Option<Rate>>),
    Choice(Slot<S, &'static str>, &'static [&'static str]),
    Text(Slot<S, Option<String>>),
    Texts(Slot<S, Vec<String>>),
    /// A text that may be empty, but not missing.
    Name(Slot<S, String>),
    Path(Slot<S, Option<PathBuf>>),
    Secret(Slot<S, Option<Secret>>),
    Secrets(Slot<S, Vec<Secret>>),
    Listen(Slot<S, Listen>),
    Address(Slot<S, SocketAddr>),
}

/// A value that is not what its key wants.
pub(crate) struct Mismatch {
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl<S> Key<S> {
    pub(crate) const fn new(name: &'static str, kind: Kind<S>, doc: &'static str) -> Self {
        Self { name, doc, example: None, kind, required: false }
    }

    pub(crate) const fn with_example(
        name: &'static str,
        kind: Kind<S>,
        example: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, doc, example: Some(example), kind, required: false }
    }

    /// A key that has to be set.
    pub(crate) const fn required(name: &'static str, kind: Kind<S>, doc: &'static str) -> Self {
        Self { name, doc, example: None, kind, required: true }
    }

    /// The name within its section.
    pub(crate) fn short_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// Whether the value must not be seen.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret(_) | Kind::Secrets(_))
    }

    /// Whether what it sets cannot do without it.
    pub(crate) fn is_required(&self) -> bool {
        self.required || matches!(self.kind, Kind::Name(_))
    }

    /// Takes a value over into `target`.
    pub(crate) fn set(&self, target: &mut S, value: &Value) -> Result<(), Mismatch> {
        self.kind.put(target, value).ok_or_else(|| Mismatch {
            expected: self.kind.expectation(),
            found: if self.is_secret() { value.kind().into() } else { value.to_string() },
        })
    }

    /// What a text, given where there are only texts, means for this key.
    pub(crate) fn value_of_text(&self, text: &str) -> Value {
        let number = || text.parse().ok().map(Value::Integer);
        let read = match self.kind {
            Kind::Flag(_) => text.parse().ok().map(Value::Flag),
            Kind::Count(..) | Kind::Size(..) | Kind::Time(..) => number(),
            Kind::Texts(_) | Kind::Secrets(_) => Some(list(text)),
            _ => None,
        };
        read.unwrap_or_else(|| Value::Text(text.into()))
    }
}

/// A list in TOML's brackets, or of texts between commas.
fn list(text: &str) -> Value {
    if text.starts_with('[') {
        // A list that cannot be read is shown as the text it is.
        return crate::file::value(text).unwrap_or_else(|| Value::Text(text.into()));
    }
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Value::List(items.map(|item| Value::Text(item.into())).collect())
}

impl<S> Kind<S> {
    /// Puts the value where it belongs; `None` if it does not belong there.
    fn put(&self, target: &mut S, value: &Value) -> Option<()> {
        match self {
            Self::Flag(slot) => match value {
                Value::Flag(flag) => *slot(target) = *flag,
                _ => return None,
            },
            Self::Count(slot, least, most) => {
                let number = number(value)?;
                *slot(target) = within(number, *least, *most)?;
            }
            Self::Size(slot, least, most) => {
                let size = number(value).or_else(|| bytes(value.text()?))?;
                *slot(target) = within(size, *least, *most)?;
            }
            Self::Time(slot, least, most) => {
                let time = millis(value.text()?)?;
                *slot(target) = Some(time).filter(|time| (*least..=*most).contains(time))?;
            }
            Self::Rate(slot) => *slot(target) = Some(rate(value.text()?)?),
            Self::Choice(slot, choices) => {
                let text = value.text()?;
                *slot(target) = choices.iter().find(|choice| **choice == text)?;
            }
            Self::Text(slot) => *slot(target) = Some(value.text()?.into()),
            Self::Texts(slot) => {
                *slot(target) = value.texts()?.into_iter().map(str::to_owned).collect();
            }
            Self::Name(slot) => match value {
                Value::Text(text) => slot(target).clone_from(text),
                _ => return None,
            },
            Self::Path(slot) => *slot(target) = Some(value.text()?.into()),
            Self::Secret(slot) => *slot(target) = Some(Secret::new(value.text()?)),
            Self::Secrets(slot) => {
                *slot(target) = value.texts()?.into_iter().map(Secret::new).collect();
            }
            Self::Listen(slot) => *slot(target) = value.text()?.parse().ok()?,
            Self::Address(slot) => *slot(target) = value.text()?.parse().ok()?,
        }
        Some(())
    }

    /// What is wanted, in words that follow "expected".
    pub(crate) fn expectation(&self) -> String {
        match self {
            Self::Flag(_) => "true or false".into(),
            Self::Count(_, least, most) => format!("a number from {least} to {most}"),
            Self::Size(_, least, most) => {
                let (least, most) = (show_bytes(*least as u64), show_bytes(*most as u64));
                format!("a size from {least} to {most}, such as \"64KiB\" or 65536")
            }
            Self::Time(_, least, most) => {
                let (least, most) = (show_millis(*least), show_millis(*most));
                format!("a time from {least} to {most}, such as \"25s\" or \"500ms\"")
            }
            Self::Rate(_) => "so many in a time, such as \"10/s\" or \"600/5m\"".into(),
            Self::Choice(_, choices) => {
                let choices: Vec<_> = choices.iter().map(|choice| format!("{choice:?}")).collect();
                choices.join(" or ")
            }
            Self::Text(_) | Self::Secret(_) => "a text that is not empty".into(),
            Self::Texts(_) | Self::Secrets(_) => "a list of texts".into(),
            Self::Name(_) => "a text".into(),
            Self::Path(_) => "a path".into(),
            Self::Listen(_) => {
                "\"IP-ADDRESS:PORT\", \"unix:/PATH\" or \"systemd\", such as \"127.0.0.1:8000\""
                    .into()
            }
            Self::Address(_) => "\"IP-ADDRESS:PORT\", such as \"127.0.0.1:9000\"".into(),
        }
    }

    /// What `target` holds, as TOML; `None` for nothing.
    pub(crate) fn show(&self, target: &mut S) -> Option<String> {
        match self {
            Self::Flag(slot) => Some(slot(target).to_string()),
            Self::Count(slot, ..) => Some(slot(target).to_string()),
            Self::Size(slot, ..) => Some(quoted(&show_bytes(*slot(target) as u64))),
            Self::Time(slot, ..) => Some(quoted(&show_millis(*slot(target)))),
            Self::Rate(slot) => slot(target).map(|rate| quoted(&show_rate(rate))),
            Self::Choice(slot, _) => Some(quoted(slot(target))),
            Self::Text(slot) => slot(target).as_deref().map(quoted),
            Self::Texts(slot) => {
                let items: Vec<_> = slot(target).iter().map(|item| quoted(item)).collect();
                Some(format!("[{}]", items.join(", ")))
            }
            Self::Name(slot) => Some(quoted(slot(target))),
            Self::Path(slot) => {
                slot(target).as_deref().map(|path| quoted(&path.display().to_string()))
            }
            Self::Listen(slot) => Some(quoted(&slot(target).to_string())),
            Self::Address(slot) => Some(quoted(&slot(target).to_string())),
            Self::Secrets(slot) if slot(target).is_empty() => Some("[]".into()),
            Self::Secret(_) | Self::Secrets(_) => None,
        }
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn within(number: u64, least: usize, most: usize) -> Option<usize> {
    usize::try_from(number).ok().filter(|number| (least..=most).contains(number))
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}
