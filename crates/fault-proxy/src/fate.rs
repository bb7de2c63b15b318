//! What becomes of a connection whose sides end.

use crate::faults::{Direction, Faults};

/// Why a direction carries nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Its source has closed, and everything before that has been passed on.
    Closed,
    /// Reading from its source failed.
    SourceLost,
    /// Writing to its destination failed.
    DestinationLost,
    /// It has passed on as many bytes as it was to.
    ResetDue,
}

/// How far a direction has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Whether it has ended.
    pub(crate) end: Option<End>,
    /// Whether its destination was told that its source has closed.
    pub(crate) told: bool,
    /// Whether its source, which was still there after the destination was lost, is gone as well.
    pub(crate) drained: bool,
}

impl Progress {
    /// Whether its source still sends to a destination that is gone.
    pub(crate) fn drains(&self) -> bool {
        self.end == Some(End::DestinationLost) && !self.drained
    }

    /// Whether nothing can come of it any more.
    fn over(&self) -> bool {
        self.end.is_some() && !self.drains()
    }
}

/// What to do with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Go on with the directions that go on.
    Carry,
    /// Tell the destination of this direction that its source has closed.
    Tell(Direction),
    /// Reset both sides.
    Reset,
    /// Close: both sides have.
    Finish,
}

/// The next step, with these faults. That a side has ended is news, which travels in the direction away
/// from that side and is held back there by its faults.
pub(crate) fn decide(to_upstream: Progress, to_client: Progress, faults: &Faults) -> Step {
    let both = [(Direction::ToUpstream, to_upstream), (Direction::ToClient, to_client)];
    let hidden = |direction| faults.line(direction).hides_ends();
    let resets = both.iter().any(|&(direction, progress)| match progress.end {
        Some(End::ResetDue) => true,
        Some(End::SourceLost) => !hidden(direction),
        Some(End::DestinationLost) => !hidden(direction.reverse()),
        Some(End::Closed) | None => false,
    });
    if resets {
        return Step::Reset;
    }
    for (direction, progress) in both {
        if progress.end == Some(End::Closed) && !progress.told && !hidden(direction) {
            return Step::Tell(direction);
        }
    }
    if to_upstream.over() && to_client.over() { Step::Finish } else { Step::Carry }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{BlackHole, LineFaults};

    const GOING_ON: Progress = Progress { end: None, told: false, drained: false };
    const TOLD: Progress = Progress { end: Some(End::Closed), told: true, drained: false };

    fn ended(end: End) -> Progress {
        Progress { end: Some(end), ..GOING_ON }
    }

    fn half_open(direction: Direction) -> Faults {
        Faults::towards(direction, LineFaults { half_open: true, ..LineFaults::NONE })
    }

    #[test]
    fn a_close_is_told_and_the_other_direction_goes_on() {
        let closed = ended(End::Closed);
        assert_eq!(decide(closed, GOING_ON, &Faults::NONE), Step::Tell(Direction::ToUpstream));
        assert_eq!(decide(GOING_ON, closed, &Faults::NONE), Step::Tell(Direction::ToClient));
        assert_eq!(decide(TOLD, GOING_ON, &Faults::NONE), Step::Carry);
        assert_eq!(decide(TOLD, TOLD, &Faults::NONE), Step::Finish);
    }

    #[test]
    fn a_side_that_is_lost_resets_the_other() {
        assert_eq!(decide(ended(End::SourceLost), GOING_ON, &Faults::NONE), Step::Reset);
        assert_eq!(decide(GOING_ON, ended(End::DestinationLost), &Faults::NONE), Step::Reset);
    }

    #[test]
    fn half_open_keeps_the_end_of_the_client_from_the_upstream() {
        let faults = half_open(Direction::ToUpstream);
        for end in [End::Closed, End::SourceLost] {
            assert_eq!(decide(ended(end), GOING_ON, &faults), Step::Carry);
            // The upstream sent more, and the client was not there to take it.
            assert_eq!(decide(ended(end), ended(End::DestinationLost), &faults), Step::Carry);
        }
        // In the other direction news pass.
        assert_eq!(decide(GOING_ON, ended(End::SourceLost), &faults), Step::Reset);
    }

    #[test]
    fn what_was_held_back_is_told_when_healed() {
        let (closed, lost) = (ended(End::Closed), ended(End::SourceLost));
        let gone = ended(End::DestinationLost);
        assert_eq!(decide(closed, GOING_ON, &Faults::NONE), Step::Tell(Direction::ToUpstream));
        assert_eq!(decide(lost, GOING_ON, &Faults::NONE), Step::Reset);
        assert_eq!(decide(closed, gone, &Faults::NONE), Step::Reset);
    }

    #[test]
    fn when_both_sides_are_gone_nothing_is_left_whatever_was_held_back() {
        let faults = half_open(Direction::ToUpstream);
        let drained = Progress { drained: true, ..ended(End::DestinationLost) };
        assert_eq!(decide(ended(End::Closed), TOLD, &faults), Step::Finish);
        assert_eq!(decide(ended(End::SourceLost), drained, &faults), Step::Finish);
    }

    #[test]
    fn a_black_hole_swallows_the_end_too() {
        let faults = Faults::both(LineFaults::black_hole(BlackHole::Swallow));
        for end in [End::Closed, End::SourceLost, End::DestinationLost] {
            assert_eq!(decide(ended(end), GOING_ON, &faults), Step::Carry);
        }
    }

    #[test]
    fn a_reset_that_is_due_is_held_back_by_nothing() {
        let faults = Faults::both(LineFaults::black_hole(BlackHole::Stall));
        assert_eq!(decide(ended(End::ResetDue), GOING_ON, &faults), Step::Reset);
    }
}
