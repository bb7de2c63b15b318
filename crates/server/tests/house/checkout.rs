//! The files of the checkout that belong to the project: those git does not ignore.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file.
pub(crate) struct File {
    /// From the root of the checkout, with slashes.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

impl File {
    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is there for tests only.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("tests.rs")
    }

    /// Its lines, each with the place a reader finds it at.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (String, &str)> {
        let place = |at| format!("{}:{}", self.path, at + 1);
        self.text.lines().enumerate().map(move |(at, line)| (place(at), line))
    }
}

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One file, by its path from the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The folders in `crates/`, in order.
pub(crate) fn members() -> Vec<String> {
    let entries = fs::read_dir(root().join("crates")).expect("crates/ can be read");
    let paths = entries.map(|entry| entry.expect("crates/ can be read").path());
    let crates = paths.filter(|path| path.join("Cargo.toml").is_file());
    let mut names: Vec<String> = crates.filter_map(|path| name(&path)).collect();
    names.sort();
    names
}

/// Every text file of the project.
pub(crate) fn files() -> Vec<File> {
    let ignored = read(".gitignore");
    let ignored: Vec<&str> = ignored.lines().chain([".git"]).collect();
    let mut files = Vec::new();
    walk(&root(), "", &ignored, &mut files);
    assert!(files.len() > 100, "the checkout was found");
    files
}

fn walk(folder: &Path, prefix: &str, ignored: &[&str], files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder of the checkout can be read") {
        let entry = entry.expect("a folder of the checkout can be read");
        let Some(name) = name(&entry.path()) else { continue };
        let path = format!("{prefix}{name}");
        if ignored.iter().any(|rule| is_ignored(rule, &path, &name)) {
            continue;
        }
        let kind = entry.file_type().expect("a file of the checkout has a type");
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), ignored, files);
        } else if kind.is_file()
            && let Ok(bytes) = fs::read(entry.path())
            && let Ok(text) = String::from_utf8(bytes)
        {
            files.push(File { path, text });
        }
    }
}

/// Whether a line of `.gitignore` means this file: `/path`, `name`, `name/` or `*.end`, the forms
/// this project uses.
fn is_ignored(rule: &str, path: &str, name: &str) -> bool {
    let rule = rule.trim_end_matches('/');
    match (rule.strip_prefix('/'), rule.strip_prefix('*')) {
        (Some(anchored), _) => path == anchored,
        (None, Some(end)) => name.ends_with(end),
        (None, None) => name == rule,
    }
}

fn name(path: &Path) -> Option<String> {
    path.file_name().and_then(|name| name.to_str()).map(str::to_owned)
}
