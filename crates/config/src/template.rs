//! The file that `trunkline init` writes.

use trunkline_auth::{Secret, fresh_secret};

use crate::Config;
use crate::key::Key;
use crate::sections::{NAMESPACES, Namespace, ROUTES, Route, SECTIONS, WEBHOOKS, Webhook};

const INTRODUCTION: &str = "\
# The configuration of a Trunkline node. Lines that start with a single # and a key show its
# default, or an example where there is none; remove the # to set it. `trunkline check-config` tells
# whether the file is good. It holds secrets: keep it readable for its owner only.
";

const NAMESPACES_INTRODUCTION: &str = "
# Namespaces: what the channels of one kind keep, and who may do what in them. A channel such as
# \"chat:lobby\" is in the namespace \"chat\"; the namespace \"\" is for channels without \":\".
# Whoever has a user may subscribe to the channels of this one and read along; subscribers may
# publish, and see what was said and who is there.
[[namespaces]]
";

const ROUTES_INTRODUCTION: &str = "
# Routes: channels whose publications are for users they name, in whose inboxes they are put. They
# want inbox.enabled.
#[[routes]]
";

const WEBHOOKS_INTRODUCTION: &str = "
# Webhooks: who is told what clients do, each by a table of its own.
#[[webhooks]]
";

/// What the namespace of the template says, beyond the defaults.
const CHAT: &[(&str, &str)] = &[
    ("namespaces.name", "\"chat\""),
    ("namespaces.presence", "true"),
    ("namespaces.join_leave", "true"),
    ("namespaces.history_size", "100"),
    ("namespaces.recovery", "true"),
    ("namespaces.allow_subscribe_for_client", "true"),
    ("namespaces.allow_publish_for_subscriber", "true"),
    ("namespaces.allow_history_for_subscriber", "true"),
    ("namespaces.allow_presence_for_subscriber", "true"),
];

/// The secrets of a new node.
#[derive(Clone, Debug)]
pub struct FreshSecrets {
    /// For tokens of clients.
    pub token: Secret,
    /// For the server API.
    pub api_key: Secret,
}

impl FreshSecrets {
    /// Secrets that nobody has seen before.
    #[must_use]
    pub fn random() -> Self {
        let fresh = || Secret::new(&fresh_secret());
        Self { token: fresh(), api_key: fresh() }
    }
}

/// A commented file with every key, in which only the secrets and one namespace are set.
#[must_use]
pub fn template(secrets: &FreshSecrets) -> String {
    let mut out = String::from(INTRODUCTION);
    let set = [
        ("token.hmac_secret", format!("{:?}", secrets.token.expose())),
        ("api.keys", format!("[{:?}]", secrets.api_key.expose())),
    ];
    let mut defaults = Config::default();
    for section in SECTIONS {
        out += "\n";
        comment(section.doc, &mut out);
        out += &format!("[{}]\n", section.name);
        for key in section.keys {
            let value = set.iter().find(|(name, _)| *name == key.name);
            line(key, value.map(|(_, value)| value.as_str()), &mut defaults, &mut out);
        }
    }
    out += NAMESPACES_INTRODUCTION;
    let mut defaults = Namespace::default();
    for key in NAMESPACES {
        let value = CHAT.iter().find(|(name, _)| *name == key.name);
        line(key, value.map(|(_, value)| *value), &mut defaults, &mut out);
    }
    out += ROUTES_INTRODUCTION;
    for key in ROUTES {
        line(key, None, &mut Route::default(), &mut out);
    }
    out += WEBHOOKS_INTRODUCTION;
    for key in WEBHOOKS {
        line(key, None, &mut Webhook::default(), &mut out);
    }
    out
}

/// Writes a key under its meaning: with its value, or commented out with a default or an example.
fn line<S>(key: &Key<S>, value: Option<&str>, defaults: &mut S, out: &mut String) {
    out.push('\n');
    comment(key.doc, out);
    let name = key.short_name();
    let shown = key.example.map(str::to_owned).or_else(|| key.kind.show(defaults));
    *out += &match value {
        Some(value) => format!("{name} = {value}\n"),
        None => format!("#{name} = {}\n", shown.unwrap_or_else(|| "\"\"".into())),
    };
}

/// Writes a text as comment lines of at most 100 characters.
fn comment(text: &str, out: &mut String) {
    const WIDTH: usize = 100;
    let mut width = 0;
    for word in text.split(' ') {
        if width == 0 || width + 1 + word.len() > WIDTH {
            *out += if width == 0 { "#" } else { "\n#" };
            width = 1;
        }
        out.push(' ');
        *out += word;
        width += 1 + word.len();
    }
    out.push('\n');
}
