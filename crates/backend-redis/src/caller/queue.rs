//! Calls that were not sent yet.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::Call;
use crate::limits::{QUEUE_BYTES, QUEUE_CALLS, WRITE_BYTES};

#[derive(Default)]
pub(super) struct Queue {
    calls: VecDeque<Call>,
    bytes: usize,
}

impl Queue {
    /// Adds a call; gives it back if there is no room.
    pub(super) fn push(&mut self, call: Call) -> Result<(), Call> {
        if self.calls.len() >= QUEUE_CALLS || self.bytes + call.bytes.len() > QUEUE_BYTES {
            return Err(call);
        }
        self.bytes += call.bytes.len();
        self.calls.push_back(call);
        Ok(())
    }

    /// Takes out the first `most` calls, or as many as are written at once.
    pub(super) fn take(&mut self, most: usize) -> Vec<Call> {
        let mut bytes = 0;
        let fits = |call: &&Call| {
            bytes += call.bytes.len();
            bytes <= WRITE_BYTES || bytes == call.bytes.len()
        };
        let count = self.calls.iter().take(most).take_while(fits).count();
        let taken: Vec<Call> = self.calls.drain(..count).collect();
        self.bytes -= taken.iter().map(|call| call.bytes.len()).sum::<usize>();
        taken
    }

    pub(super) fn take_all(&mut self) -> Vec<Call> {
        self.bytes = 0;
        self.calls.drain(..).collect()
    }

    /// Takes out the calls whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Call> {
        if self.calls.iter().all(|call| call.until > now) {
            return Vec::new();
        }
        let all = std::mem::take(&mut self.calls);
        let (expired, left): (Vec<_>, Vec<_>) = all.into_iter().partition(|c| c.until <= now);
        self.bytes = left.iter().map(|call| call.bytes.len()).sum();
        self.calls = left.into();
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Partition;
    use crate::resp::command;

    fn call(argument: &[u8]) -> Call {
        Call::unheard(Partition(0), command("X").arg(argument))
    }

    #[test]
    fn a_batch_is_bounded_but_never_empty() {
        let mut queue = Queue::default();
        for _ in 0..3 {
            assert!(queue.push(call(&[0; WRITE_BYTES / 2])).is_ok());
        }
        assert!(queue.push(call(&[0; 2 * WRITE_BYTES])).is_ok());
        let sizes: Vec<usize> = (0..5).map(|_| queue.take(10).len()).collect();
        assert_eq!(sizes, [1, 1, 1, 1, 0]);
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn what_does_not_fit_is_given_back() {
        let mut queue = Queue::default();
        assert!(queue.push(call(&vec![0; QUEUE_BYTES])).is_err());
        for _ in 0..QUEUE_CALLS {
            assert!(queue.push(call(b"")).is_ok());
        }
        assert!(queue.push(call(b"")).is_err());
        assert_eq!(queue.take_all().len(), QUEUE_CALLS);
        assert!(queue.push(call(b"")).is_ok());
    }

    #[test]
    fn only_those_expire_whose_time_is_over() {
        let mut queue = Queue::default();
        let now = Instant::now();
        for offset in [0, 2] {
            let mut call = call(b"");
            call.until = now + std::time::Duration::from_secs(offset);
            assert!(queue.push(call).is_ok());
        }
        assert_eq!(queue.expire(now).len(), 1);
        assert_eq!(queue.expire(now).len(), 0);
        assert_eq!(queue.take(9).len(), 1);
    }
}
