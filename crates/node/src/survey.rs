//! A question to all shards, answered when the last one has reported.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use trunkline_core::backend::Completion;
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::UserId;
use trunkline_core::limits::{SURVEY_CHANNELS, SURVEY_CONNECTIONS};
use trunkline_core::signal::ConnectionReport;

/// What shards have reported so far.
struct Tally<T>(Mutex<State<T>>);

struct State<T> {
    shards_left: usize,
    found: T,
    done: Option<Completion<T>>,
}

impl<T: Default> Tally<T> {
    fn new(shards: usize, done: Completion<T>) -> Self {
        Self(Mutex::new(State { shards_left: shards, found: T::default(), done: Some(done) }))
    }

    /// One shard adds what it has; the last one's report is followed by the answer.
    fn report(&self, add: impl FnOnce(&mut T)) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut state.found);
        state.shards_left = state.shards_left.saturating_sub(1);
        if state.shards_left > 0 {
            return;
        }
        let found = std::mem::take(&mut state.found);
        let done = state.done.take();
        drop(state);
        if let Some(done) = done {
            done(found);
        }
    }
}

/// Which channels have listeners, and how many.
pub struct ChannelSurvey {
    pattern: Pattern,
    tally: Tally<HashMap<ChannelName, u64>>,
}

impl ChannelSurvey {
    /// A survey of `shards` shards; `done` gets the connections per channel, of
    /// [`SURVEY_CHANNELS`] channels at most.
    #[must_use]
    pub fn new(
        pattern: Pattern,
        shards: usize,
        done: Completion<HashMap<ChannelName, u64>>,
    ) -> Self {
        Self { pattern, tally: Tally::new(shards, done) }
    }

    /// What one shard has to say: its channels, and how many of its connections listen.
    pub fn report<'a>(&self, channels: impl Iterator<Item = (&'a ChannelName, usize)>) {
        self.tally.report(|found| {
            for (channel, listeners) in channels {
                if !self.pattern.matches(channel.as_str()) {
                    continue;
                }
                let listeners = listeners as u64;
                if let Some(sum) = found.get_mut(channel) {
                    *sum += listeners;
                } else if found.len() < SURVEY_CHANNELS {
                    found.insert(channel.clone(), listeners);
                }
            }
        });
    }
}

impl fmt::Debug for ChannelSurvey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSurvey").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}

/// Which connections a user has.
pub struct ConnectionSurvey {
    user: UserId,
    tally: Tally<Vec<ConnectionReport>>,
}

impl ConnectionSurvey {
    /// A survey of `shards` shards; `done` gets the user's connections,
    /// [`SURVEY_CONNECTIONS`] at most.
    #[must_use]
    pub fn new(user: UserId, shards: usize, done: Completion<Vec<ConnectionReport>>) -> Self {
        Self { user, tally: Tally::new(shards, done) }
    }

    /// Whose connections are asked for.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// What one shard has to say: those of the user's connections that it holds.
    pub fn report(&self, connections: impl Iterator<Item = ConnectionReport>) {
        self.tally.report(|found| {
            let room = SURVEY_CONNECTIONS.saturating_sub(found.len());
            found.extend(connections.take(room));
        });
    }
}

impl fmt::Debug for ConnectionSurvey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionSurvey").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A pattern of channel names, in which `*` stands for any text and `?` for any character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// A pattern; the empty one matches everything.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(if text.is_empty() { "*".into() } else { text.into() })
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` matches. Takes time in the product of both lengths at worst.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut p, mut t) = (0, 0);
        // Where to go on when a guess for the last star was too short.
        let mut retry: Option<(usize, usize)> = None;
        while t < text.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    retry = Some((p, t));
                    p += 1;
                }
                Some(&byte) if byte == b'?' || byte == text[t] => {
                    p += 1;
                    t += 1;
                }
                _ => match retry {
                    Some((star, from)) => {
                        retry = Some((star, from + 1));
                        p = star + 1;
                        t = from + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|&byte| byte == b'*')
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, matches) in [
            ("", "anything", true),
            ("*", "", true),
            ("chat:*", "chat:1", true),
            ("chat:*", "chats:1", false),
            ("*:room:*", "a:room:room:b", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("c?t", "cat", true),
            ("c?t", "ct", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn the_last_report_answers() {
        let (tell, told) = mpsc::channel();
        let done = Box::new(move |found| tell.send(found).unwrap());
        let survey = ChannelSurvey::new(Pattern::new("a*"), 2, done);
        let (a, b) = (ChannelName::parse("a1").unwrap(), ChannelName::parse("b").unwrap());
        survey.report([(&a, 2), (&b, 1)].into_iter());
        assert!(told.try_recv().is_err());
        survey.report([(&a, 3)].into_iter());
        assert_eq!(told.try_recv().unwrap(), HashMap::from([(a, 5)]));
    }
}
