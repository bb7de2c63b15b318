//! From an address to a connection that may be used: TCP, TLS, who we are, and whether the server is
//! a master.

use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::trouble::Trouble;
use crate::fleet::Doors;
use crate::keys::Keys;
use crate::limits::{DIAL_DEADLINE, TLS_DEADLINE};
use crate::resp::{Command, Reply, command, decode};
use crate::url::{Address, RedisUrl};

/// A connection's bytes, encrypted or not.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// How servers are entered.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) username: Option<Box<str>>,
    pub(crate) password: Option<Box<str>>,
    pub(crate) database: u32,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    /// Whether streams may be thrown away when memory is full.
    pub(crate) allow_eviction: bool,
    /// How the names that are used there are made.
    pub(crate) keys: Keys,
}

impl Access {
    /// As an address says it.
    pub(crate) fn of(url: &RedisUrl, doors: &Doors) -> Self {
        Self {
            username: url.username.clone(),
            password: url.password.clone(),
            database: url.database,
            tls: url.tls.then(|| Arc::clone(&doors.tls)),
            allow_eviction: doors.allow_eviction,
            keys: doors.keys.clone(),
        }
    }
}

/// A connection that may be used.
pub(crate) struct Link {
    pub(crate) wire: Box<dyn Wire>,
    /// What has come and was not read.
    pub(crate) buffer: BytesMut,
}

/// Connects to a server, and says who we are.
pub(crate) async fn dial(address: &Address, access: &Access) -> Result<Link, Trouble> {
    let dialled = timeout(DIAL_DEADLINE, async {
        let tcp =
            TcpStream::connect((&*address.host, address.port)).await.map_err(Trouble::Connect)?;
        // Commands are written in batches of our own.
        tcp.set_nodelay(true).map_err(Trouble::Connect)?;
        let wire: Box<dyn Wire> = match &access.tls {
            None => Box::new(tcp),
            Some(config) => {
                let name = ServerName::try_from(address.host.to_string())
                    .map_err(|_| Trouble::Tls(format!("{} is no name", address.host)))?;
                let connector = TlsConnector::from(Arc::clone(config));
                // Redis without TLS waits for more of what it takes for a command.
                let tls = timeout(TLS_DEADLINE, connector.connect(name, tcp)).await;
                let tls = tls.map_err(|_| Trouble::no_tls())?;
                Box::new(tls.map_err(|error| Trouble::tls(&error))?)
            }
        };
        let mut link = Link { wire, buffer: BytesMut::new() };
        link.introduce(access).await?;
        Ok(link)
    });
    dialled.await.unwrap_or(Err(Trouble::Slow))
}

/// Connects to a server that must be a master.
pub(crate) async fn dial_master(address: &Address, access: &Access) -> Result<Link, Trouble> {
    let mut link = dial(address, access).await?;
    let answers = link.exchange(vec![command("ROLE")]).await?;
    match answers[0].list().and_then(|role| role.first()).and_then(Reply::text) {
        Some("master") => Ok(link),
        Some(role) => Err(Trouble::Role(role.to_owned())),
        None => Err(Trouble::of_reply(&answers[0])),
    }
}

impl Link {
    async fn introduce(&mut self, access: &Access) -> Result<(), Trouble> {
        let mut hello = command("HELLO").arg("3");
        if let Some(password) = &access.password {
            let username = access.username.as_deref().unwrap_or("default");
            hello = hello.arg("AUTH").arg(username).arg(&**password);
        }
        let mut commands = vec![hello.arg("SETNAME").arg("trunkline")];
        if access.database > 0 {
            commands.push(command("SELECT").number(u64::from(access.database)));
        }
        let encrypted = access.tls.is_some();
        let answers =
            self.exchange(commands).await.map_err(|trouble| trouble.at_first(encrypted))?;
        match answers.iter().find(|answer| matches!(answer, Reply::Error(_))) {
            Some(error) => Err(Trouble::of_reply(error)),
            None => Ok(()),
        }
    }

    /// Sends commands and waits for their answers. For what comes before anything else.
    pub(crate) async fn exchange(&mut self, commands: Vec<Command>) -> Result<Vec<Reply>, Trouble> {
        let count = commands.len();
        let bytes: Vec<u8> = commands.into_iter().flat_map(Command::finish).collect();
        let exchanged = timeout(DIAL_DEADLINE, async {
            self.wire.write_all(&bytes).await.map_err(Trouble::Lost)?;
            let mut answers = Vec::with_capacity(count);
            while answers.len() < count {
                match decode(&self.buffer).map_err(|_| Trouble::Malformed)? {
                    Some((answer, length)) => {
                        self.buffer.advance(length);
                        answers.push(answer);
                    }
                    None => {
                        let read = self.wire.read_buf(&mut self.buffer).await;
                        if read.map_err(Trouble::Lost)? == 0 {
                            return Err(Trouble::Closed);
                        }
                    }
                }
            }
            Ok(answers)
        });
        exchanged.await.unwrap_or(Err(Trouble::Slow))
    }

    /// The policy by which the server throws keys away when its memory is full, if it does.
    pub(crate) async fn eviction(&mut self) -> Result<Option<String>, Trouble> {
        let answers = self.exchange(vec![command("INFO").arg("memory")]).await?;
        // Who may not be asked is not suspected.
        let info = answers[0].text().unwrap_or_default();
        let value = |name: &str| info.lines().find_map(|line| line.strip_prefix(name));
        let bounded = value("maxmemory:").is_some_and(|bytes| bytes != "0");
        let policy = value("maxmemory_policy:").filter(|policy| *policy != "noeviction");
        Ok(policy.filter(|_| bounded).map(str::to_owned))
    }
}
