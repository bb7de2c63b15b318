//! The script for publishers, as a file for those who have no binary at hand.

use std::path::Path;

use trunkline_backend_redis::publish_script;

#[test]
fn the_script_in_docs_is_the_one_that_nodes_run() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/publish.lua");
    let wanted = format!("{}\n", publish_script());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        file == wanted,
        "docs/publish.lua is stale: run UPDATE_DOCS=1 cargo test -p trunkline-backend-redis"
    );
}
