//! Who depends on whom.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::checkout::{members, read};
use crate::hold;

/// What each crate uses of ours, its tests aside. The table in ARCHITECTURE.md shows the same.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("telemetry", &[]),
    ("wal", &[]),
    ("transport", &[]),
    ("protocol", &["core"]),
    ("auth", &["core"]),
    ("backend-memory", &["core"]),
    ("backend-embedded", &["core", "wal"]),
    ("backend-redis", &["core"]),
    ("outgoing", &[]),
    ("callbacks", &["core", "outgoing"]),
    ("webhooks", &["core", "outgoing", "telemetry"]),
    ("config", &["auth", "core", "telemetry"]),
    ("node", &["core", "telemetry"]),
    ("shard", &["core", "node", "telemetry", "transport"]),
    ("api", &["auth", "core", "node", "protocol", "telemetry", "webhooks"]),
    ("admin", &["node", "telemetry"]),
    ("bench", &["core"]),
    ("checker", &["fault-proxy", "rig"]),
    ("rig", &[]),
    ("fault-proxy", &[]),
    ("model-broker", &["core"]),
    ("conformance", &["core"]),
    (
        "server",
        &[
            "admin",
            "api",
            "auth",
            "backend-embedded",
            "backend-memory",
            "backend-redis",
            "bench",
            "callbacks",
            "config",
            "core",
            "node",
            "outgoing",
            "protocol",
            "shard",
            "telemetry",
            "transport",
            "webhooks",
        ],
    ),
];

/// All that `core` may use of others: containers, derives and a hash, which ask nobody.
const PURE: &[&str] = &["bytes", "sha1", "slab", "smallvec", "thiserror"];

/// Crates that would teach a crate of ours what it is not to know, and what that is.
const STRANGERS: &[(&str, &str, &[&str])] = &[
    ("protocol", "a socket or a runtime", &["mio", "tokio", "rustls", "rustix", "socket2"]),
    ("node", "a wire format or a socket", &["serde", "serde_json", "prost", "mio", "tokio"]),
    ("shard", "a wire format or a runtime", &["serde", "serde_json", "prost", "tokio"]),
    ("transport", "a wire format or a runtime", &["serde", "serde_json", "prost", "tokio"]),
    ("backend-memory", "a wire format or a socket", &["serde", "serde_json", "prost", "mio"]),
];

/// A crate's manifest.
struct Manifest(Table);

impl Manifest {
    fn of(member: &str) -> Self {
        let path = format!("crates/{member}/Cargo.toml");
        Self(read(&path).parse().unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    /// What it is built with: for every system, with or without a feature, but not for tests.
    fn dependencies(&self) -> BTreeSet<String> {
        let targets = self.0.get("target").and_then(Value::as_table);
        let targets = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
        let tables = std::iter::once(&self.0).chain(targets);
        let kinds = ["dependencies", "build-dependencies"];
        let lists = tables.flat_map(|table| kinds.map(|kind| table.get(kind)));
        let lists = lists.flatten().filter_map(Value::as_table);
        lists.flat_map(Table::iter).map(|(name, value)| package(name, value)).collect()
    }

    /// Those of them that are ours, by the name of their folder.
    fn ours(&self) -> BTreeSet<String> {
        let names = self.dependencies();
        names.iter().filter_map(|name| name.strip_prefix("trunkline-")).map(str::to_owned).collect()
    }

    fn others(&self) -> BTreeSet<String> {
        self.dependencies().into_iter().filter(|name| !name.starts_with("trunkline")).collect()
    }
}

/// The package a dependency means, however it is called here.
fn package(name: &str, value: &Value) -> String {
    value.get("package").and_then(Value::as_str).unwrap_or(name).to_owned()
}

fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let set = |used: &[&str]| used.iter().map(|&name| name.to_owned()).collect();
    ARROWS.iter().map(|(member, used)| ((*member).to_owned(), set(used))).collect()
}

fn shown(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        "nothing".into()
    } else {
        names.iter().cloned().collect::<Vec<_>>().join(", ")
    }
}

#[test]
fn crates_use_what_the_map_says() {
    let mut arrows = arrows();
    let mut broken = Vec::new();
    for member in members() {
        let used = Manifest::of(&member).ours();
        match arrows.remove(&member) {
            None => broken.push(format!("crates/{member} stands on no map")),
            Some(allowed) if used != allowed => broken.push(format!(
                "crates/{member} uses {}; the map says {}",
                shown(&used),
                shown(&allowed)
            )),
            Some(_) => {}
        }
    }
    broken.extend(arrows.into_keys().map(|gone| format!("crates/{gone} is on the map only")));
    hold(
        "Every crate uses exactly those of ours that the map of arrows says.",
        &broken,
        "take the dependency out again. If the arrow is really wanted, draw it: in ARROWS here and \
         in the table of crates in ARCHITECTURE.md, with the reason in the commit.",
    );
}

#[test]
fn the_document_shows_the_same_map() {
    let mut arrows = arrows();
    let mut broken = Vec::new();
    for (member, used) in documented() {
        match arrows.remove(&member) {
            None => broken.push(format!("the row `{member}` is of no crate, or a second one")),
            Some(actual) if actual != used => broken.push(format!(
                "the row `{member}` says {}; it is {}",
                shown(&used),
                shown(&actual)
            )),
            Some(_) => {}
        }
    }
    broken.extend(arrows.into_keys().map(|lacking| format!("there is no row `{lacking}`")));
    hold(
        "The table under `## Crates` in ARCHITECTURE.md has a row for every crate, with what it uses.",
        &broken,
        "write the row as | `name` | `used`, `used` | what it is |, with - for one that uses none \
         of ours.",
    );
}

/// The rows of the table of crates: the name, and the names it uses.
fn documented() -> Vec<(String, BTreeSet<String>)> {
    let text = read("ARCHITECTURE.md");
    let section = text.split("\n## ").find(|section| section.starts_with("Crates\n"));
    let rows = section.unwrap_or("").lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| {
        let mut cells = row.split('|').skip(1);
        let name = quoted(cells.next()?).into_iter().next()?;
        Some((name, quoted(cells.next()?)))
    })
    .collect()
}

/// The words between backticks.
fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_core_is_pure() {
    let others = Manifest::of("core").others();
    let broken: Vec<String> =
        others.iter().filter(|name| !PURE.contains(&name.as_str())).cloned().collect();
    hold(
        "`core` decides, and uses nothing that acts: no runtime, serializer, clock, log or randomness.",
        &broken,
        "let the caller do it, and tell the core what came of it: a time as Tick or WallTime, \
         random bytes as an argument, bytes through a Codec. A container may join the list in PURE.",
    );
}

#[test]
fn no_crate_knows_what_is_not_its_business() {
    let mut broken = Vec::new();
    for (member, what, strangers) in STRANGERS {
        let others = Manifest::of(member).others();
        let met = strangers.iter().filter(|stranger| others.contains(**stranger));
        broken.extend(
            met.map(|met| format!("crates/{member} uses {met}, and is not to know {what}")),
        );
    }
    hold(
        "Wire formats live in `protocol`, sockets in `transport` and `shard`, tokio in `api` and `server`.",
        &broken,
        "move the code to the crate whose business it is, and reach it through a port of `core`.",
    );
}

#[test]
fn only_the_server_knows_backends_and_tools() {
    let tools = ["bench", "model-broker", "conformance"];
    let hidden = |name: &str| name.starts_with("backend-") || tools.contains(&name);
    let mut broken = Vec::new();
    for member in members().iter().filter(|member| *member != "server") {
        let used = Manifest::of(member).ours();
        let met = used.iter().filter(|name| hidden(name));
        broken.extend(met.map(|name| format!("crates/{member} uses {name}")));
    }
    hold(
        "A backend is known to `server` alone, and so are tools; tests may use them.",
        &broken,
        "use the trait `core::backend::Backend`, and let `serve` choose who stands behind it. For a \
         test, list it under [dev-dependencies].",
    );
}
