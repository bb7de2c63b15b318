//! What a Redis server can be started with, and the configuration file made of it.

use std::fmt::Write as _;
use std::path::Path;

use crate::port::Port;

/// The user that the rig itself logs in as, whatever happens to the others.
pub(crate) const RIG: &str = "rig";

/// The user that replicas log in as. Switching it off cuts replication.
pub(crate) const REPLICA: &str = "rig-replica";

/// The password of both. It keeps nobody out who can read this; servers listen on loopback only.
pub(crate) const SECRET: &str = "rig-only";

/// Answers of a server go through this socket to the rig, so that it needs neither TLS nor a port.
pub(crate) const SOCKET: &str = "socket";

/// How a server is to be. The default is one without passwords, that keeps nothing on disk.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    /// Where it listens; else on a free port. A port can be held before the server is there. Only for
    /// a server that stands alone.
    pub port: Option<Port>,
    /// `requirepass`: the password of the user `default`.
    pub password: Option<String>,
    /// A further user. Without `password`, the user `default` is switched off then.
    pub user: Option<User>,
    /// Whether its port speaks TLS, and nothing else. Only for a server that stands alone.
    pub tls: bool,
    /// Whether it writes commands to a log that it reads again when it is started again.
    pub append_only: Option<Fsync>,
    /// How much it may hold, and what gives way then.
    pub memory: Option<Memory>,
    /// Bytes that may wait for one subscriber of pub/sub before its connection is closed.
    pub pubsub_buffer: Option<u64>,
    /// Further lines of the configuration file.
    pub lines: Vec<String>,
}

impl RedisOptions {
    /// What stands before the addresses in a URL: `user:password@`, `:password@` or nothing. What is
    /// none of `A-Z a-z 0-9 - . _ ~` is escaped.
    pub(crate) fn credentials(&self) -> String {
        match (&self.user, &self.password) {
            (Some(user), _) => format!("{}:{}@", escaped(&user.name), escaped(&user.password)),
            (None, Some(password)) => format!(":{}@", escaped(password)),
            (None, None) => String::new(),
        }
    }

    /// The configuration file of a server in `folder`.
    pub(crate) fn file(&self, folder: &Path, port: u16) -> String {
        let mut file = common(folder);
        let (plain, tls) = if self.tls { (0, port) } else { (port, 0) };
        let _ = writeln!(file, "port {plain}\nsave \"\"\nrepl-diskless-sync-delay 0");
        let _ = writeln!(
            file,
            "user {REPLICA} on >{SECRET} resetkeys resetchannels -@all +psync +replconf +ping"
        );
        let _ = writeln!(file, "masteruser {REPLICA}\nmasterauth {SECRET}");
        if self.tls {
            let _ = writeln!(file, "tls-port {tls}\ntls-auth-clients no");
            let _ = writeln!(file, "tls-cert-file server.pem\ntls-key-file server.key");
            let _ = writeln!(file, "tls-ca-cert-file authority.pem");
        }
        if let Some(user) = &self.user {
            let User { name, password, rules } = user;
            let _ = writeln!(file, "user {name} on >{password} {rules}");
        }
        match (&self.password, &self.user) {
            (Some(password), _) => _ = writeln!(file, "requirepass {password}"),
            (None, Some(_)) => file.push_str("user default off\n"),
            (None, None) => {}
        }
        if let Some(fsync) = self.append_only {
            let _ = writeln!(file, "appendonly yes\nappendfsync {}", fsync.word());
        }
        if let Some(Memory { bytes, policy }) = &self.memory {
            let _ = writeln!(file, "maxmemory {bytes}\nmaxmemory-policy {policy}");
        }
        if let Some(bytes) = self.pubsub_buffer {
            let _ = writeln!(file, "client-output-buffer-limit pubsub {bytes} 0 0");
        }
        for line in &self.lines {
            let _ = writeln!(file, "{line}");
        }
        file
    }
}

/// The lines that servers and sentinels have in common.
pub(crate) fn common(folder: &Path) -> String {
    format!(
        "daemonize no\nbind 127.0.0.1\nprotected-mode no\ndir {}\nunixsocket {SOCKET}\n\
         user {RIG} on >{SECRET} ~* &* +@all\n",
        folder.display()
    )
}

/// A user of a server's access control list.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name, without spaces.
    pub name: String,
    /// Its password, without spaces.
    pub password: String,
    /// What it may, as in `~* &* +@all`.
    pub rules: String,
}

/// When a server with a log on disk flushes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Before it answers.
    Always,
    /// Once a second.
    EverySecond,
}

impl Fsync {
    fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::EverySecond => "everysec",
        }
    }
}

/// A limit on what a server holds.
#[derive(Clone, Debug)]
pub struct Memory {
    /// In bytes.
    pub bytes: u64,
    /// What gives way, as in `noeviction` or `allkeys-lru`.
    pub policy: String,
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}
