//! Remembering for a moment who somebody is, so that clients that all come back at once are no storm
//! for the application.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use trunkline_core::identity::Identity;

/// Bytes of questions and answers remembered at most, besides a hundred or so for each: enough for
/// some 30,000 clients with ordinary cookies. Beyond it the application is asked.
const BYTES: usize = 16 * 1024 * 1024;

/// Answers by what was asked.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    entries: HashMap<Box<[u8]>, Entry>,
    /// What the entries count.
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    until: Instant,
    asked_at: Instant,
    identity: Box<Identity>,
    bytes: usize,
}

impl Cache {
    /// What was answered, and how long ago it was asked.
    pub(crate) fn find(&self, asked: &[u8], now: Instant) -> Option<(Box<Identity>, Duration)> {
        let entry = self.entries.get(asked)?;
        let age = now.saturating_duration_since(entry.asked_at);
        (entry.until > now).then(|| (entry.identity.clone(), age))
    }

    /// What was answered does not hold any more.
    pub(crate) fn forget(&mut self, asked: &[u8]) {
        if let Some(entry) = self.entries.remove(asked) {
            self.bytes -= entry.bytes;
        }
    }

    /// Remembers an answer that came in `length` bytes to what was asked at a time, if there is room.
    pub(crate) fn remember(
        &mut self,
        (asked, asked_at): (&[u8], Instant),
        (identity, length): (&Identity, usize),
        age: Duration,
        now: Instant,
    ) {
        let bytes = asked.len() + length;
        if self.bytes + bytes > BYTES {
            self.entries.retain(|_, entry| entry.until > now);
            self.bytes = self.entries.values().map(|entry| entry.bytes).sum();
        }
        if self.bytes + bytes > BYTES {
            return;
        }
        let identity = Box::new(identity.clone());
        let entry = Entry { until: now + age, asked_at, identity, bytes };
        self.bytes += bytes;
        if let Some(before) = self.entries.insert(asked.into(), entry) {
            self.bytes -= before.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use trunkline_core::identity::UserId;

    use super::*;

    const AGE: Duration = Duration::from_secs(5);

    fn whose(user: &str) -> Identity {
        Identity { user: UserId::new(user), ..Identity::default() }
    }

    fn found(cache: &Cache, asked: &[u8], now: Instant) -> Option<(String, Duration)> {
        let (identity, age) = cache.find(asked, now)?;
        Some((identity.user.as_str().to_owned(), age))
    }

    #[test]
    fn an_answer_holds_for_its_time() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let later = now + AGE / 5;
        cache.remember((b"ann", now), (&whose("1"), 1), AGE, later);
        assert_eq!(found(&cache, b"ann", later), Some(("1".into(), AGE / 5)));
        assert_eq!(found(&cache, b"bob", now), None);
        assert_eq!(found(&cache, b"ann", later + AGE), None);
        cache.forget(b"ann");
        assert_eq!((found(&cache, b"ann", later), cache.bytes), (None, 0));
    }

    #[test]
    fn there_is_only_so_much_room() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        let much = (&whose("1"), BYTES / 10);
        for n in 0..100_u32 {
            cache.remember((&n.to_le_bytes(), now), much, AGE, now);
            assert!(cache.bytes <= BYTES);
        }
        assert_eq!(found(&cache, &99_u32.to_le_bytes(), now), None);
        // What holds no more makes room, and what is asked again takes none twice.
        for _ in 0..100 {
            cache.remember((b"ann", now + AGE), much, AGE, now + AGE);
        }
        assert_eq!(found(&cache, b"ann", now + AGE), Some(("1".into(), Duration::ZERO)));
        assert_eq!(cache.entries.len(), 1);
    }
}
