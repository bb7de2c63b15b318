//! The scripts for others, as files for those who have no binary at hand.

use std::path::Path;

use trunkline_backend_redis::{publish_script, schedule_script};

#[test]
fn the_scripts_in_docs_are_those_that_are_printed() {
    for (name, script) in [("publish.lua", publish_script()), ("schedule.lua", schedule_script())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        let wanted = format!("{script}\n");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        let file = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            file == wanted,
            "docs/{name} is stale: run UPDATE_DOCS=1 cargo test -p trunkline-backend-redis"
        );
    }
}
