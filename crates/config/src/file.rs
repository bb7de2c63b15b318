//! Reading the file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::Config;
use crate::error::{ConfigError, Origin};
use crate::key::Key;
use crate::nearest;
use crate::sections::{NAMESPACES, ROUTES, SECTIONS, TABLES, WEBHOOKS, keys};
use crate::value::Value;

/// Longest file that is read, in bytes (1 MiB): thousands of namespaces, and no device file.
const FILE_BYTES: u64 = 1 << 20;

/// Takes over what the file says.
pub(crate) fn apply(config: &mut Config, path: &Path) -> Result<(), ConfigError> {
    let text = read(path).map_err(|error| ConfigError::Unreadable { path: path.into(), error })?;
    let document = Document { path, text: &text };
    document.apply(config)
}

/// The value that a piece of TOML says.
pub(crate) fn value(text: &str) -> Option<Value> {
    DeValue::parse(text).ok().map(|value| plain(value.get_ref()))
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(text)
}

struct Document<'a> {
    path: &'a Path,
    text: &'a str,
}

type Entry<'t, 'a> = (&'t Spanned<DeString<'a>>, &'t Spanned<DeValue<'a>>);

impl Document<'_> {
    fn apply(&self, config: &mut Config) -> Result<(), ConfigError> {
        let document = DeTable::parse(self.text).map_err(|error| ConfigError::Syntax {
            origin: self.origin(error.span().map_or(0, |span| span.start)),
            message: error.message().replace('\n', ", "),
        })?;
        for (name, value) in in_order(document.get_ref()) {
            match &**name.get_ref() {
                "namespaces" => {
                    let tables = self.tables(("namespaces", NAMESPACES), value)?;
                    config.namespaces.extend(tables);
                }
                "routes" => {
                    let tables = self.tables(("routes", ROUTES), value)?;
                    config.routes.extend(tables);
                }
                "webhooks" => {
                    let tables = self.tables(("webhooks", WEBHOOKS), value)?;
                    config.secrets_in_file |= tables.iter().any(|hook| hook.secret.is_some());
                    config.webhooks.extend(tables);
                }
                other => self.entry(config, other, (name, value))?,
            }
        }
        Ok(())
    }

    /// Takes over one entry, which may be a section with entries of its own.
    fn entry(
        &self,
        config: &mut Config,
        full_name: &str,
        (name, value): Entry<'_, '_>,
    ) -> Result<(), ConfigError> {
        if let Some(key) = keys().find(|key| key.name == full_name) {
            config.secrets_in_file |= key.is_secret();
            return self.set(key, config, value);
        }
        let section = SECTIONS.iter().find(|section| section.name == full_name);
        match (section, value.get_ref()) {
            (Some(_), DeValue::Table(table)) => {
                for (name, value) in in_order(table) {
                    let full_name = format!("{full_name}.{}", name.get_ref());
                    self.entry(config, &full_name, (name, value))?;
                }
                Ok(())
            }
            (Some(section), value) => Err(ConfigError::Value {
                origin: self.origin(name.span().start),
                key: section.name,
                expected: "a section".into(),
                found: plain(value).to_string(),
            }),
            (None, value) => Err(self.unknown(full_name, name.span().start, is_section(value))),
        }
    }

    fn unknown(&self, name: &str, at: usize, section: bool) -> ConfigError {
        let sections = SECTIONS.iter().map(|section| section.name).chain(TABLES.iter().copied());
        ConfigError::Unknown {
            origin: self.origin(at),
            what: if section { "section" } else { "key" },
            name: name.into(),
            nearest: if section {
                nearest::of(name, sections)
            } else {
                nearest::of(name, keys().map(|key| key.name))
            },
        }
    }

    /// Reads tables of which there may be several, each headed `[[name]]`.
    fn tables<S: Default>(
        &self,
        (name, keys): (&'static str, &[Key<S>]),
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<S>, ConfigError> {
        let misshapen = |value: &Spanned<DeValue<'_>>| ConfigError::Value {
            origin: self.origin(value.span().start),
            key: name,
            expected: format!("tables, each headed [[{name}]]"),
            found: plain(value.get_ref()).to_string(),
        };
        let DeValue::Array(items) = value.get_ref() else { return Err(misshapen(value)) };
        let read = |item: &Spanned<DeValue<'_>>| {
            let DeValue::Table(table) = item.get_ref() else { return Err(misshapen(item)) };
            self.table((name, keys), table, item.span().start)
        };
        items.iter().map(read).collect()
    }

    fn table<S: Default>(
        &self,
        (kind, keys): (&str, &[Key<S>]),
        table: &DeTable<'_>,
        at: usize,
    ) -> Result<S, ConfigError> {
        let mut target = S::default();
        for (name, value) in in_order(table) {
            let full_name = format!("{kind}.{}", name.get_ref());
            let key = keys.iter().find(|key| key.name == full_name);
            let key = key.ok_or_else(|| ConfigError::Unknown {
                origin: self.origin(name.span().start),
                what: "key",
                nearest: nearest::of(&full_name, keys.iter().map(|key| key.name)),
                name: full_name,
            })?;
            self.set(key, &mut target, value)?;
        }
        let missing = |key: &&Key<S>| key.is_required() && table.get(key.short_name()).is_none();
        if let Some(key) = keys.iter().find(missing) {
            let origin = self.origin(at);
            let problem = match kind {
                "namespaces" => {
                    "a namespace needs a `name`; the empty one is for channels without `:`".into()
                }
                _ => format!("`{}` is missing", key.name),
            };
            return Err(ConfigError::Refused(format!("{origin}: {problem}")));
        }
        Ok(target)
    }

    fn set<S>(
        &self,
        key: &Key<S>,
        target: &mut S,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ConfigError> {
        key.set(target, &plain(value.get_ref())).map_err(|mismatch| ConfigError::Value {
            origin: self.origin(value.span().start),
            key: key.name,
            expected: mismatch.expected,
            found: mismatch.found,
        })
    }

    fn origin(&self, at: usize) -> Origin {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Origin::File { path: self.path.into(), line }
    }
}

/// The entries of a table in the order of the file, so that the first mistake is reported first.
fn in_order<'t, 'a>(table: &'t DeTable<'a>) -> Vec<Entry<'t, 'a>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}

fn is_section(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(_) => true,
        DeValue::Array(items) => items.iter().any(|item| item.get_ref().is_table()),
        _ => false,
    }
}

fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number too large"), Value::Integer),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| plain(item.get_ref())).collect())
        }
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Table(_) => Value::Other("a table"),
    }
}
