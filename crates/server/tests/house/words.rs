//! What may and what may not stand in a file.
//!
//! Forbidden words are written in two halves here, so that this file may stand among the others.

use crate::checkout::{File, files};
use crate::hold;

/// Lines a file of code may have. Most have a third of that.
const LINES: usize = 500;

/// What shows a reader around before the first item.
const MODULE_DOC: &str = "//!";

const UNFINISHED: &[&str] = &[
    concat!("#[al", "low("),
    concat!("#![al", "low("),
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("d", "bg!"),
];

/// Places that exist on one machine only, and addresses that a lock file must not pin.
const PLACES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tmp/", "target"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs"),
    concat!("registry.", "yarnpkg"),
    concat!("pypi.org/", "simple"),
    concat!("files.", "pythonhosted"),
    concat!("--index", "-url"),
    concat!("\"resolved\"", ": \"http"),
];

/// What asks the world instead of being told.
const WORLDLY: &[&str] = &[
    "Instant",
    "SystemTime",
    "std::time",
    "rand",
    "getrandom",
    "std::thread",
    "std::net",
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
];

const FEATURE: &str = concat!("cfg(fea", "ture");

/// Where in `line` one of `words` stands by itself, and not as a part of a longer word.
fn found<'w>(line: &str, words: &[&'w str]) -> Option<&'w str> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    words.iter().copied().find(|word| {
        line.match_indices(word).any(|(at, _)| {
            let (before, after) =
                (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
            let joined_before = word.starts_with(part) && before.is_some_and(part);
            let joined_after = word.ends_with(part) && after.is_some_and(part);
            !joined_before && !joined_after
        })
    })
}

/// Every line of `files` in which one of `words` stands.
fn lines_with(files: &[File], words: &[&str], of_interest: impl Fn(&File) -> bool) -> Vec<String> {
    let files = files.iter().filter(|file| of_interest(file));
    let lines = files.flat_map(File::lines);
    let met = lines.filter_map(|(place, line)| Some((place, found(line, words)?)));
    met.map(|(place, word)| format!("{place}: {word}")).collect()
}

#[test]
fn files_are_small() {
    let long = |file: &File| {
        let lines = file.text.lines().count();
        (lines > LINES).then(|| format!("{}: {lines} lines", file.path))
    };
    let files = files();
    let code = files.iter().filter(|file| file.is_rust() && !file.is_test());
    hold(
        &format!("A file of Rust has one job and at most {LINES} lines."),
        &code.filter_map(long).collect::<Vec<_>>(),
        "it has two jobs: give the second one a file of its own, named by what it does.",
    );
}

#[test]
fn every_file_says_what_it_is() {
    let files = files();
    let silent = files.iter().filter(|file| file.is_rust() && !file.text.starts_with(MODULE_DOC));
    hold(
        "A file of Rust begins with its module's documentation.",
        &silent.map(|file| file.path.clone()).collect::<Vec<_>>(),
        "let its first line say, after //!, what a reader finds in it.",
    );
}

#[test]
fn nothing_is_left_unfinished_or_silenced() {
    hold(
        "Code is finished, and lints are answered.",
        &lines_with(&files(), UNFINISHED, File::is_rust),
        "finish it or leave it out. A lint that is wrong here is expected, with the reason: \
         #[expect(lint, reason = \"…\")].",
    );
}

#[test]
fn nothing_points_to_one_machine() {
    hold(
        "No file names a folder of somebody's machine, or the host of a package registry.",
        &lines_with(&files(), PLACES, |_| true),
        "write paths from the root of the checkout. Lock files take the registry from the \
         developer's own settings (npm: omit-lockfile-registry-resolved).",
    );
}

#[test]
fn the_core_asks_nobody() {
    let files = files();
    let core = files.iter().filter(|file| file.path.starts_with("crates/core/src/"));
    let code = |(place, line): (String, &str)| {
        let code = line.split("//").next().unwrap_or("");
        found(code, WORLDLY).map(|word| format!("{place}: {word}"))
    };
    hold(
        "`core` is told the time and all that is random, and does no I/O.",
        &core
            .filter(|file| !file.is_test())
            .flat_map(File::lines)
            .filter_map(code)
            .collect::<Vec<_>>(),
        "take it as an argument: `Surroundings` has the time, and whoever calls has the rest.",
    );
}

#[test]
fn features_are_chosen_in_one_place() {
    let elsewhere = |file: &File| file.is_rust() && !file.path.starts_with("crates/server/");
    hold(
        "Only `server` chooses by feature what is built in.",
        &lines_with(&files(), &[FEATURE], elsewhere),
        "make it a crate, and let `server` depend on it or not.",
    );
}

#[test]
fn words_are_found_whole() {
    assert_eq!(found("let rand = 1;", &["rand"]), Some("rand"));
    assert_eq!(found("from_random(rand_core)", &["rand"]), None);
    assert_eq!(found("#[x(y)]", &["#[x("]), Some("#[x("));
    assert_eq!(found("my_print!()", &["print!"]), None);
}
