//! What a repair costs.

use trunkline_core::limits::RECOVERY_LIMIT;
use trunkline_sim::chance::Chance;
use trunkline_sim::plan::Plan;

#[test]
fn what_lines_read_is_told_from_what_clients_read_by_its_size() {
    for seed in 0..200 {
        let plan = Plan::new(&mut Chance::new(seed));
        // A client asks for one more than it may be handed, or for as much as that.
        assert!(plan.recovery_limit + 1 < RECOVERY_LIMIT, "seed {seed}");
    }
}
