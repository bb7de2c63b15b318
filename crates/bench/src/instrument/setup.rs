//! How the server under test is set up.

use std::path::PathBuf;

/// What the server's one namespace keeps, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Setup {
    /// Publications that a channel keeps; 0 for none.
    pub(crate) keep: u32,
    /// The directory of the embedded backend; `None` for the memory of the process.
    pub(crate) data_dir: Option<PathBuf>,
    /// The URL of the Redis to keep it in, and the prefix of all names there.
    pub(crate) redis: Option<(String, String)>,
}

impl Setup {
    /// The configuration: one thread, one bare namespace, everything allowed.
    pub(crate) fn configuration(&self) -> String {
        // A string of JSON is one of TOML too.
        let text = |text: String| serde_json::Value::from(text);
        let storage = match (&self.data_dir, &self.redis) {
            (_, Some((url, prefix))) => format!(
                "backend = \"redis\"\n\n[redis]\nurls = [{}]\nprefix = {}",
                text(url.clone()),
                text(prefix.clone())
            ),
            (Some(dir), None) => {
                format!("backend = \"embedded\"\ndata_dir = {}", text(dir.display().to_string()))
            }
            (None, None) => "backend = \"memory\"".into(),
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
        let dir = Some("/a \"b\"".into());
        let stored = Setup { keep: 7, data_dir: dir, redis: None }.configuration();
        assert!(stored.contains("backend = \"embedded\"\ndata_dir = \"/a \\\"b\\\"\"\n"));
        assert!(stored.ends_with("\nhistory_size = 7\nrecovery = true\n"));
        let redis = Some(("redis://127.0.0.1:1".into(), "p".into()));
        let shared = Setup { redis, ..Setup::default() }.configuration();
        let expected =
            "backend = \"redis\"\n\n[redis]\nurls = [\"redis://127.0.0.1:1\"]\nprefix = \"p\"\n";
        assert!(shared.contains(expected), "{shared}");
    }
}
