//! Deadlines of connections, coarse and cheap.
//!
//! A wheel of slots a tenth of a second apart. A connection stands in one slot at most, as a bare
//! number; a deadline beyond the wheel's reach stands in its last slot and is put back when that
//! comes. Moving a deadline further away costs nothing: the connection is asked when its slot
//! comes whether it is really due.

use trunkline_core::hub::ConnectionKey;
use trunkline_core::time::Tick;

/// Milliseconds between two slots. Deadlines here are seconds long; a tenth late is nothing.
const STEP_MS: u64 = 100;

/// Slots: about 51 s, beyond every usual deadline.
const SLOTS: u64 = 512;

/// The wheel.
pub(crate) struct Wheel {
    slots: Vec<Vec<ConnectionKey>>,
    /// The step whose slot is next to come.
    next: u64,
    standing: usize,
}

impl Wheel {
    pub(crate) fn new(now: Tick) -> Self {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Self { slots, next: now.0 / STEP_MS, standing: 0 }
    }

    /// Puts a connection where `deadline` falls; returns the step at which it will be asked.
    pub(crate) fn place(&mut self, key: ConnectionKey, deadline: Tick) -> u64 {
        let step = Self::step_of(deadline).clamp(self.next, self.next + SLOTS - 1);
        self.slots[Self::slot(step)].push(key);
        self.standing += 1;
        step
    }

    /// The step at which a deadline has passed.
    pub(crate) fn step_of(deadline: Tick) -> u64 {
        deadline.0.div_ceil(STEP_MS)
    }

    /// Milliseconds until a slot with somebody in it comes; `None` while nobody stands anywhere.
    pub(crate) fn next_in(&self, now: Tick) -> Option<u64> {
        if self.standing == 0 {
            return None;
        }
        let occupied = |&step: &u64| !self.slots[Self::slot(step)].is_empty();
        let step = (self.next..self.next + SLOTS).find(occupied)?;
        Some((step * STEP_MS).saturating_sub(now.0))
    }

    /// Takes one slot that has come, with its step; `None` when all that have come are taken.
    pub(crate) fn due(&mut self, now: Tick) -> Option<(u64, Vec<ConnectionKey>)> {
        let current = now.0 / STEP_MS;
        if self.standing == 0 {
            self.next = self.next.max(current);
            return None;
        }
        while self.next <= current {
            let step = self.next;
            self.next += 1;
            let slot = std::mem::take(&mut self.slots[Self::slot(step)]);
            if !slot.is_empty() {
                self.standing -= slot.len();
                return Some((step, slot));
            }
        }
        None
    }

    fn slot(step: u64) -> usize {
        usize::try_from(step % SLOTS).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_asked_when_its_deadline_has_passed_and_not_before() {
        let mut wheel = Wheel::new(Tick(1_000));
        let step = wheel.place(7, Tick(1_250));
        assert_eq!(wheel.next_in(Tick(1_000)), Some(300));
        assert_eq!(wheel.due(Tick(1_299)), None);
        assert_eq!(wheel.due(Tick(1_300)), Some((step, vec![7])));
        assert_eq!(wheel.next_in(Tick(1_300)), None);
    }

    #[test]
    fn what_is_beyond_reach_stands_in_the_last_slot() {
        let mut wheel = Wheel::new(Tick(0));
        wheel.place(1, Tick(3_600_000));
        let (_, due) = wheel.due(Tick(SLOTS * STEP_MS)).unwrap();
        assert_eq!(due, [1]);
    }

    #[test]
    fn after_a_long_sleep_everybody_is_asked_once() {
        let mut wheel = Wheel::new(Tick(0));
        for key in 0..1000 {
            wheel.place(key, Tick(u64::from(key) * 50));
        }
        let awake = Tick(86_400_000);
        let mut asked: Vec<ConnectionKey> =
            std::iter::from_fn(|| wheel.due(awake)).flat_map(|(_, keys)| keys).collect();
        asked.sort_unstable();
        assert!(asked.into_iter().eq(0..1000));
        wheel.place(7, awake.after(200));
        assert_eq!(wheel.next_in(awake), Some(200));
    }

    #[test]
    fn a_deadline_in_the_past_is_due_at_once() {
        let mut wheel = Wheel::new(Tick(5_000));
        wheel.place(1, Tick(0));
        assert_eq!(wheel.next_in(Tick(5_000)), Some(0));
        assert!(wheel.due(Tick(5_000)).is_some());
    }

    #[test]
    fn time_passes_while_nobody_stands_anywhere() {
        let mut wheel = Wheel::new(Tick(0));
        assert_eq!(wheel.due(Tick(1_000_000)), None);
        wheel.place(1, Tick(1_000_200));
        assert_eq!(wheel.next_in(Tick(1_000_000)), Some(200));
    }
}
