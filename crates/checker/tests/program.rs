//! The program `trunkline-checker judge`, as a script meets it: files in, exit code and words out.

use std::io::Write;
use std::process::{Command, Output, Stdio};

const DOCUMENT: &str = include_str!("../../../docs/checker.md");

/// Judges a log given on stdin.
fn judge(log: &str, options: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_trunkline-checker"))
        .args(["judge", "-"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that ended early has not read its input; its exit code says so.
    let _ = child.stdin.take().expect("it is piped").write_all(log.as_bytes());
    child.wait_with_output().expect("the program ends")
}

/// The log that the document shows.
fn documented() -> &'static str {
    let (_, rest) = DOCUMENT.split_once("```jsonl\n").expect("the document shows a log");
    rest.split_once("```").expect("the log ends").0
}

#[test]
fn the_documented_log_is_clean() {
    let output = judge(documented(), &[]);
    let words = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{words}{}", String::from_utf8_lossy(&output.stderr));
    assert!(words.ends_with("\nclean\n"), "{words}");
}

#[test]
fn the_documented_log_shows_every_kind_of_event() {
    for kind in [
        "rules",
        "note",
        "publish",
        "subscribed",
        "publication",
        "gap",
        "unsubscribed",
        "disconnected",
        "rolled_back",
        "history",
    ] {
        assert!(documented().contains(&format!(r#"{{"event":"{kind}""#)), "{kind}");
    }
}

#[test]
fn a_broken_promise_is_told_and_fails() {
    let log = documented();
    let delivery = log.lines().find(|line| line.contains(r#""event":"publication""#)).unwrap();
    let output = judge(&log.replacen(&format!("{delivery}\n"), "", 1), &[]);
    let words = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(
        words.starts_with("  missing in the middle: channel chat:1, s1, offset 1 of"),
        "{words}"
    );
    assert!(words.ends_with("\n1 violation\n"), "{words}");
}

#[test]
fn loss_is_forgiven_on_demand() {
    let lost = r#"{"event":"publish","publisher":"p","channel":"c","id":"m","outcome":{"acknowledged":{"epoch":"e","offset":1}}}
{"event":"history","channel":"c","top":{"epoch":"f","offset":0},"publications":[]}
"#;
    assert_eq!(judge(lost, &[]).status.code(), Some(1));
    assert_eq!(judge(lost, &["--rollback"]).status.code(), Some(0));
}

#[test]
fn what_cannot_be_read_is_neither() {
    for (log, words) in [
        ("", "the log is empty"),
        ("{\"event\":\"note\",\"text\":\"x\"}\nnonsense\n", "-:2: "),
        ("{\"event\":\"disconnected\",\"subscriber\":\"s\",\"why\":\"?\"}\n", "-:1: unknown field"),
    ] {
        let output = judge(log, &[]);
        assert_eq!(output.status.code(), Some(2), "{log:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words), "{said}");
    }
}
