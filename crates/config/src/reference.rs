//! The reference of all keys, as kept in `docs/configuration.md`.

use crate::Config;
use crate::environment::variable;
use crate::key::Key;
use crate::sections::{NAMESPACES, Namespace, ROUTES, Route, SECTIONS, WEBHOOKS, Webhook};

const INTRODUCTION: &str = "\
# Configuration

`trunkline serve` reads a TOML file (`--config FILE`), then the environment, then its flags; what
comes later holds. `trunkline init` writes a commented file with fresh secrets, and
`trunkline check-config` says whether a file is good without starting anything.

- A key is set in the environment as `TRUNKLINE_SECTION__KEY`, for example
  `TRUNKLINE_CLIENT__ANONYMOUS=true`. Lists are written as in TOML (`[\"a\", \"b\"]`) or with commas
  (`a,b`). Namespaces, routes and webhooks are set in the file only.
- Times are a number and a unit: `500ms`, `25s`, `5m`, `1h`, `2d`. Sizes are bytes, or a number
  and a unit: `65536`, `64KiB`, `1MiB`.
- An unknown key or variable, a value out of range and settings that are not safe together are
  errors: one line says where and what, and the exit code is 2.

This page is generated from the tables of keys in `trunkline-config`; after a change there,
`UPDATE_DOCS=1 cargo test -p trunkline-config` writes it anew.
";

const NAMESPACES_DOC: &str = "\
What the channels of one kind keep, and who may do what in them. There is one such table for each
namespace; channels of any other are unknown. Nothing is allowed that is not said to be.";

const ROUTES_DOC: &str = "\
Channels whose publications are for users they name. There is one such table for each. They want
`inbox.enabled`. [routes.md](routes.md) has more.";

const WEBHOOKS_DOC: &str = "\
Who is told what clients do: who connects and leaves, which channels are in use, who is in them, and who
does not read. There is one such table for each receiver. [webhooks.md](webhooks.md) has more.";

/// The text of `docs/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(INTRODUCTION);
    for section in SECTIONS {
        out += &format!("\n## `[{}]`\n\n{}\n", section.name, section.doc);
        for key in section.keys {
            describe(key, &mut Config::default(), &mut out);
            out += &format!("- variable: `{}`\n", variable(key.name));
        }
    }
    out += &format!("\n## `[[namespaces]]`\n\n{NAMESPACES_DOC}\n");
    for key in NAMESPACES {
        describe(key, &mut Namespace::default(), &mut out);
    }
    out += &format!("\n## `[[routes]]`\n\n{ROUTES_DOC}\n");
    for key in ROUTES {
        describe(key, &mut Route::default(), &mut out);
    }
    out += &format!("\n## `[[webhooks]]`\n\n{WEBHOOKS_DOC}\n");
    for key in WEBHOOKS {
        describe(key, &mut Webhook::default(), &mut out);
    }
    out
}

fn describe<S>(key: &Key<S>, defaults: &mut S, out: &mut String) {
    *out += &format!("\n### `{}`\n\n{}\n\n", key.name, key.doc);
    *out += &format!("- value: {}\n", key.kind.expectation());
    *out += &match key.kind.show(defaults) {
        _ if key.is_required() => "- required\n".into(),
        Some(default) => format!("- default: `{default}`\n"),
        None => "- default: none\n".into(),
    };
    if let Some(example) = key.example {
        *out += &format!("- example: `{example}`\n");
    }
}
