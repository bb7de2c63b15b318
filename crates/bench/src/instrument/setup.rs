//! How the server under test is set up.

use std::path::PathBuf;

/// What the server's one namespace keeps, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Setup {
    /// Publications that a channel keeps; 0 for none.
    pub(crate) keep: u32,
    /// The directory of the embedded backend; `None` for the memory of the process.
    pub(crate) data_dir: Option<PathBuf>,
}

impl Setup {
    /// The configuration: one thread, one bare namespace, everything allowed.
    pub(crate) fn configuration(&self) -> String {
        let storage = match &self.data_dir {
            // A string of JSON is one of TOML too.
            Some(dir) => format!(
                "backend = \"embedded\"\ndata_dir = {}",
                serde_json::Value::from(dir.display().to_string())
            ),
            None => "backend = \"memory\"".into(),
        };
        let kept = match self.keep {
            0 => String::new(),
            keep => format!("history_size = {keep}\nrecovery = true\n"),
        };
        format!(
            r#"[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
threads = 1

[client]
anonymous = true
insecure = true

[api]
keys = ["bench"]

[storage]
{storage}

[[namespaces]]
name = "bench"
{kept}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_said_and_where() {
        let bare = Setup::default().configuration();
        assert!(bare.contains("[storage]\nbackend = \"memory\"\n"));
        assert!(bare.ends_with("[[namespaces]]\nname = \"bench\"\n"));
        let stored = Setup { keep: 7, data_dir: Some("/a \"b\"".into()) }.configuration();
        assert!(stored.contains("backend = \"embedded\"\ndata_dir = \"/a \\\"b\\\"\"\n"));
        assert!(stored.ends_with("\nhistory_size = 7\nrecovery = true\n"));
    }
}
