//! Remembering for a moment who somebody is, so that clients that all come back at once are no storm
//! for the application.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use trunkline_core::application::Response;

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
    answer: Response,
    bytes: usize,
}

impl Cache {
    pub(crate) fn find(&self, asked: &[u8], now: Instant) -> Option<Response> {
        let entry = self.entries.get(asked)?;
        (entry.until > now).then(|| entry.answer.clone())
    }

    /// Remembers an answer that came in `length` bytes, if there is room.
    pub(crate) fn remember(
        &mut self,
        asked: &[u8],
        (answer, length): (&Response, usize),
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
        let entry = Entry { until: now + age, answer: answer.clone(), bytes };
        self.bytes += bytes;
        if let Some(before) = self.entries.insert(asked.into(), entry) {
            self.bytes -= before.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(5);

    fn answer(text: &'static str) -> Response {
        Response::Rpc(text.into())
    }

    #[test]
    fn an_answer_holds_for_its_time() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        cache.remember(b"ann", (&answer("1"), 1), AGE, now);
        assert_eq!(cache.find(b"ann", now + AGE / 2), Some(answer("1")));
        assert_eq!(cache.find(b"bob", now), None);
        assert_eq!(cache.find(b"ann", now + AGE), None);
    }

    #[test]
    fn there_is_only_so_much_room() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        for n in 0..100_u32 {
            cache.remember(&n.to_le_bytes(), (&answer("1"), BYTES / 10), AGE, now);
            assert!(cache.bytes <= BYTES);
        }
        assert_eq!(cache.find(&99_u32.to_le_bytes(), now), None);
        // What holds no more makes room, and what is asked again takes none twice.
        for _ in 0..100 {
            cache.remember(b"ann", (&answer("2"), BYTES / 10), AGE, now + AGE);
        }
        assert_eq!(cache.find(b"ann", now + AGE), Some(answer("2")));
        assert_eq!(cache.entries.len(), 1);
    }
}
