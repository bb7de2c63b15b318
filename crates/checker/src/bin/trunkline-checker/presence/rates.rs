//! How much was written to Redis while so many were there and so many came and went, and whether that
//! grows with the one and not with the other.

use super::tally::Rates;
use crate::output::say;

/// Writes a second that three nodes do about themselves, at most. Each renews its lease, and looks
/// for dead nodes, every five seconds: that makes 1.2, and some more when one of them looks twice.
const LEASE_WRITES: f64 = 3.0;
/// By what part the writes that one change costs may differ between little and much churn: short
/// stays that are never written, and changes at the edge of the time that is measured.
const UNEQUAL: f64 = 0.25;

/// What was measured in one course of time.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) connections: usize,
    /// Comings and goings meanwhile; none is expected where nobody churns.
    pub(super) changes: u64,
    pub(super) rates: Rates,
}

impl Row {
    fn changes_a_second(&self) -> f64 {
        self.changes as f64 / self.rates.during.as_secs_f64()
    }

    fn per_change(&self) -> Option<f64> {
        (self.changes > 0).then(|| self.rates.member_writes as f64 / self.changes as f64)
    }
}

/// Shows the table, and says what is wrong with it.
pub(super) fn judge(rows: &[Row]) -> Vec<String> {
    say(
        "                    connections changes/s  writes/s  leases/s   told/s commands/s  writes a change",
    );
    for row in rows {
        let Row { name, connections, rates, .. } = row;
        let changes = row.changes_a_second();
        let per = row.per_change().map_or_else(|| "-".to_owned(), |per| format!("{per:.2}"));
        say(format_args!("{name:<20}{connections:>11} {changes:>9.1} {rates} {per:>16}"));
    }
    faults(rows)
}

fn faults(rows: &[Row]) -> Vec<String> {
    let mut faults = Vec::new();
    for Row { name, changes, rates, .. } in rows {
        if *changes == 0 && rates.member_writes > 0 {
            let writes = rates.member_writes;
            faults
                .push(format!("{name}: {writes} writes of who is where, and nobody came or went"));
        }
        if rates.lease_writes > LEASE_WRITES {
            let many = rates.lease_writes;
            faults.push(format!("{name}: {many:.1} writes a second about leases"));
        }
    }
    let costs: Vec<f64> = rows.iter().filter_map(Row::per_change).collect();
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = costs.iter().copied().fold(0.0, f64::max);
    if most > least * (1.0 + UNEQUAL) {
        faults
            .push(format!("a change costs {least:.2} to {most:.2} writes, depending on how many"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(changes: u64, member_writes: u64, lease_writes: f64) -> Row {
        let rates = Rates::of(Duration::from_secs(10), member_writes, lease_writes);
        Row { name: "row", connections: 1, changes, rates }
    }

    #[test]
    fn writes_that_grow_with_churn_alone_are_right() {
        assert!(faults(&[row(0, 0, 1.2), row(100, 330, 1.2), row(400, 1300, 1.2)]).is_empty());
    }

    #[test]
    fn writes_for_nothing_are_wrong() {
        assert_eq!(faults(&[row(0, 5, 1.2)]).len(), 1);
        assert_eq!(faults(&[row(0, 0, 30.0)]).len(), 1);
        assert_eq!(faults(&[row(100, 330, 1.2), row(400, 3300, 1.2)]).len(), 1);
    }
}
