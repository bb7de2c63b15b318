//! The one way into a shard from other threads.
//!
//! A shard sleeps in the operating system until a socket or its waker stirs. Writers put an item
//! in and stir the waker only when the shard sleeps or is about to; a shard that is awake is never
//! woken, so that a burst costs one wake-up. That no item is left behind is proved by a model
//! checker (`--cfg loom`).

use std::sync::PoisonError;

use crate::sync::{AtomicBool, Mutex, Ordering};

/// Stirs a sleeping shard. Must not block.
pub type Waker = Box<dyn Fn() + Send + Sync>;

/// A queue with many writers and one reader.
pub struct Mailbox<T> {
    items: Mutex<Vec<T>>,
    /// False while the reader sleeps or has decided to.
    awake: AtomicBool,
    waker: Waker,
    most: usize,
}

impl<T> Mailbox<T> {
    /// An empty mailbox whose reader is awake. It is full with `most` items.
    #[must_use]
    pub fn new(most: usize, waker: Waker) -> Self {
        Self { items: Mutex::new(Vec::new()), awake: AtomicBool::new(true), waker, most }
    }

    /// Puts an item in. A full mailbox takes it all the same: what was accepted must not be lost,
    /// and whoever accepts new work asks [`Mailbox::is_full`] first.
    pub fn push(&self, item: T) {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).push(item);
        if !self.awake.swap(true, Ordering::AcqRel) {
            (self.waker)();
        }
    }

    /// Whether new work should be refused.
    pub fn is_full(&self) -> bool {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).len() >= self.most
    }

    /// Takes all items; `into` must be empty, and its memory is used for those to come.
    pub fn drain(&self, into: &mut Vec<T>) {
        std::mem::swap(&mut *self.items.lock().unwrap_or_else(PoisonError::into_inner), into);
    }

    /// To be asked by the reader before it sleeps: false when something has come meanwhile. After
    /// true, the next writer stirs the waker.
    pub fn may_sleep(&self) -> bool {
        // Exchanged, not stored: the flag is then one chain of read-modify-writes, each of which
        // sees the last.
        self.awake.swap(false, Ordering::AcqRel);
        // A writer that saw `awake` as true has put its item in before the lock is taken here, so
        // it is seen; one that comes after sees `awake` as false.
        let empty = self.items.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        if !empty {
            self.awake.swap(true, Ordering::AcqRel);
        }
        empty
    }

    /// To be called by the reader after it has slept.
    pub fn woke(&self) {
        self.awake.swap(true, Ordering::AcqRel);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn only_a_sleeping_reader_is_woken() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&wakes);
        let waker: Waker = Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let mailbox = Mailbox::new(2, waker);
        mailbox.push(1);
        assert!(!mailbox.may_sleep(), "something is waiting");
        let mut items = Vec::new();
        mailbox.drain(&mut items);
        assert!(mailbox.may_sleep());
        mailbox.push(2);
        mailbox.push(3);
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
        assert!(mailbox.is_full());
        items.clear();
        mailbox.drain(&mut items);
        assert_eq!(items, [2, 3]);
    }
}

#[cfg(all(test, loom))]
mod model {
    use loom::sync::Arc;
    use loom::sync::{Condvar, Mutex as LoomMutex};
    use loom::thread;

    use super::*;

    /// Two writers, and a reader that sleeps whenever it may. If a wake-up could be missed, the
    /// reader would sleep for ever, which the model checker reports as a deadlock.
    #[test]
    fn no_item_is_left_behind_and_each_writer_keeps_its_order() {
        let mut builder = loom::model::Builder::new();
        // Every interleaving with up to three forced switches: seconds instead of hours, and a
        // lost wake-up needs one.
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let bell = Arc::new((LoomMutex::new(false), Condvar::new()));
            let ring = Arc::clone(&bell);
            let waker: Waker = Box::new(move || {
                *ring.0.lock().unwrap() = true;
                ring.1.notify_one();
            });
            let mailbox = Arc::new(Mailbox::new(8, waker));
            let writers: Vec<_> = [vec![1, 2], vec![10]]
                .into_iter()
                .map(|items| {
                    let mailbox = Arc::clone(&mailbox);
                    thread::spawn(move || items.into_iter().for_each(|item| mailbox.push(item)))
                })
                .collect();
            let mut seen = Vec::new();
            let mut batch = Vec::new();
            while seen.len() < 3 {
                mailbox.drain(&mut batch);
                seen.append(&mut batch);
                if seen.len() < 3 && mailbox.may_sleep() {
                    let mut rung = bell.0.lock().unwrap();
                    while !*rung {
                        rung = bell.1.wait(rung).unwrap();
                    }
                    *rung = false;
                    drop(rung);
                    mailbox.woke();
                }
            }
            for writer in writers {
                writer.join().unwrap();
            }
            let small: Vec<i32> = seen.iter().copied().filter(|&item| item < 10).collect();
            assert_eq!(small, [1, 2]);
        });
    }
}
