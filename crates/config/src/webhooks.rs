//! Which webhooks are refused.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use trunkline_core::channel::ChannelName;

use crate::Config;
use crate::nearest;
use crate::rules::{Verdict, refuse_if};
use crate::sections::{TOLD_TO_ALL, WEBHOOK_EVENTS, Webhook};

/// Webhooks of one node at most. Each is a delivery of its own that reads all there is to tell; who
/// has more receivers than that puts something between that hands on.
const WEBHOOKS: usize = 16;

/// Bytes of a name: it becomes a part of the names under which things are kept.
const NAME_BYTES: usize = 40;

/// Channels, or kinds of them, that a webhook may name: each is compared with each event.
const CHANNELS: usize = 64;

/// Bytes of a secret that is a text: the least is what the Standard Webhooks specification asks of a
/// key, the most is far more than any hash uses.
const TEXT_BYTES: RangeInclusive<usize> = 24..=255;

/// Bytes of the key in a secret of the Standard Webhooks specification ("Signature scheme").
const KEY_BYTES: RangeInclusive<usize> = 24..=64;

/// What such a secret begins with.
const KEY_PREFIX: &str = "whsec_";

/// Asks of every webhook what has to hold, and of all of them together.
pub(crate) fn check(config: &Config) -> Verdict {
    let hooks = &config.webhooks;
    refuse_if(hooks.len() > WEBHOOKS, || format!("webhooks: there may be {WEBHOOKS} at most"))?;
    let mut names = HashSet::new();
    for hook in hooks {
        let name = &hook.name;
        refuse_if(!is_name(name), || {
            format!(
                "webhooks: {name:?} is no name of a webhook; use 1 to {NAME_BYTES} letters, \
                 digits, `-` or `_`"
            )
        })?;
        refuse_if(!names.insert(name), || format!("webhooks: {name:?} is configured twice"))?;
        one(hook).map_err(|problem| format!("webhooks: {name:?} {problem}"))?;
    }
    let mut unread = hooks.iter().filter(|hook| hook.wants_unread());
    let Some(first) = unread.next() else { return Ok(()) };
    refuse_if(!config.inbox.enabled, || {
        let name = &first.name;
        format!("webhooks: {name:?} has inbox_unread, which wants inbox.enabled = true")
    })?;
    let other = unread.find(|hook| hook.unread_after_ms != first.unread_after_ms);
    other.map_or(Ok(()), |other| {
        let (one, other) = (&first.name, &other.name);
        Err(format!(
            "webhooks: {one:?} and {other:?} want inbox_unread after different times: give both \
             the same unread_after"
        ))
    })
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(fits)
}

fn one(hook: &Webhook) -> Verdict {
    address(&hook.url)?;
    let secret = hook.secret.as_ref().ok_or("has no secret")?;
    signing(secret.expose())?;
    refuse_if(hook.events.is_empty(), || {
        "has no events: leave the key out for all but inbox_unread".into()
    })?;
    hook.events.iter().try_for_each(|event| known(event))?;
    refuse_if(hook.channels.len() > CHANNELS, || {
        format!("has more than {CHANNELS} channels: use beginnings of names that end with `*`")
    })?;
    hook.channels.iter().try_for_each(|pattern| channels(pattern))
}

/// A name, or the beginning of names; a `*` anywhere else is meant as what it is not.
fn channels(pattern: &str) -> Verdict {
    let name = pattern.strip_suffix('*').unwrap_or(pattern);
    let is_one = pattern == "*" || (ChannelName::parse(name).is_ok() && !name.contains('*'));
    refuse_if(!is_one, || {
        format!(
            "lists the channels {pattern:?}: that is neither the name of a channel nor the \
             beginning of one with a `*` behind it"
        )
    })
}

/// Does not repeat the address: its query may hold a key.
fn address(url: &str) -> Verdict {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or("has an url that begins with neither http:// nor https://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    refuse_if(authority.is_empty() || !plain, || {
        "has an url that is no address such as https://app.example.com/trunkline/events".into()
    })?;
    refuse_if(authority.contains('@'), || {
        "has an url with a name or a password, which would be shown: the receiver knows who calls \
         by the signature"
            .into()
    })
}

/// Does not repeat the secret either.
fn signing(secret: &str) -> Verdict {
    let Some(key) = secret.strip_prefix(KEY_PREFIX) else {
        return refuse_if(!TEXT_BYTES.contains(&secret.len()), || {
            let (least, most) = (TEXT_BYTES.start(), TEXT_BYTES.end());
            format!("has a secret that is not {least} to {most} bytes long")
        });
    };
    let key = STANDARD.decode(key).ok();
    refuse_if(!key.is_some_and(|key| KEY_BYTES.contains(&key.len())), || {
        let (least, most) = (KEY_BYTES.start(), KEY_BYTES.end());
        format!(
            "has a secret that begins with {KEY_PREFIX} and does not go on with {least} to {most} \
             bytes in base64; `openssl rand -base64 32` makes good ones"
        )
    })
}

fn known(event: &str) -> Verdict {
    refuse_if(TOLD_TO_ALL.contains(&event), || {
        format!("lists {event}, which is told to everybody: leave it out")
    })?;
    refuse_if(!WEBHOOK_EVENTS.contains(&event), || {
        let nearest = nearest::of(event, WEBHOOK_EVENTS.iter().copied());
        let meant = nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        format!("has an unknown event `{}`{meant}", event.escape_debug())
    })
}
