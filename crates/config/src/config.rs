//! The configuration as a whole.

use std::net::SocketAddr;
use std::path::Path;

use trunkline_auth::{Secret, TokenKeys, fresh_secret};
use trunkline_core::gate::Policy;
use trunkline_core::limits::Limits;
use trunkline_core::namespace::{ChannelOptions, Namespaces, Retention};

use crate::error::ConfigError;
use crate::overrides::Overrides;
use crate::sections::{
    Api, Callbacks, Client, Inbox, Log, Namespace, Outbox, Rates, Redis, Rooms, Route, Server,
    Storage, Token, Webhook, rooms_namespace,
};
use crate::warning::{self, Warning};
use crate::{environment, file, rules, token_keys};

/// A configuration that a node may be started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Where and how the node runs.
    pub server: Server,
    /// What clients may do before anybody knows them.
    pub client: Client,
    /// How clients prove who they are.
    pub token: Token,
    /// Who may use the server API.
    pub api: Api,
    /// What the application is asked about clients.
    pub callbacks: Callbacks,
    /// The rooms endpoint.
    pub rooms: Rooms,
    /// A durable personal channel for every user.
    pub inbox: Inbox,
    /// Channels whose publications are for users they name.
    pub routes: Vec<Route>,
    /// Who is told what clients do.
    pub webhooks: Vec<Webhook>,
    /// Where that waits for them.
    pub outbox: Outbox,
    /// What keeps the streams of channels.
    pub storage: Storage,
    /// Where Redis is, if it carries and keeps publications.
    pub redis: Redis,
    /// What is written to standard error.
    pub log: Log,
    /// Bounds on what one client can cost.
    pub limits: Limits,
    /// How often clients may do what.
    pub rates: Rates,
    pub(crate) namespaces: Vec<Namespace>,
    /// What namespaces are like that nobody configured; only in development they exist.
    fallback: Option<ChannelOptions>,
    /// Whether the file itself holds a secret.
    pub(crate) secrets_in_file: bool,
    warnings: Vec<Warning>,
}

impl Config {
    /// Reads the configuration: the file, then the environment, then the command line, each over
    /// the one before. Variables without `__` after `TRUNKLINE_` are none of ours.
    ///
    /// # Errors
    /// The first thing that is wrong: a file that cannot be read, an unknown key, a value that is
    /// not its key's, or settings that are not safe together.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &Overrides,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some(path) = path {
            file::apply(&mut config, path)?;
        }
        environment::apply(&mut config, environment)?;
        flags.apply(&mut config)?;
        config.add_rooms();
        config.validate()?;
        config.warnings = warning::collect(&config, path);
        Ok(config)
    }

    /// The configuration of `--dev`: no file, loopback only, everybody may do everything, every
    /// namespace exists with everything on, and secrets are made up where none is given.
    ///
    /// # Errors
    /// Like [`Config::load`], in the environment or the command line.
    pub fn dev(
        environment: impl Iterator<Item = (String, String)>,
        flags: &Overrides,
    ) -> Result<Self, ConfigError> {
        let mut config = Self {
            client: Client { anonymous: true, insecure: true, page: true, ..Client::default() },
            rooms: Rooms { enabled: true },
            inbox: Inbox { enabled: true, ..Inbox::default() },
            storage: Storage::in_memory(),
            fallback: Some(everything()),
            ..Self::default()
        };
        environment::apply(&mut config, environment)?;
        flags.apply(&mut config)?;
        if config.api.keys.is_empty() {
            config.api.keys.push(Secret::new(&fresh_secret()));
        }
        config.token.hmac_secret.get_or_insert_with(|| Secret::new(&fresh_secret()));
        config.validate()?;
        Ok(config)
    }

    /// Checks that the settings are possible and safe together. [`Config::load`] and
    /// [`Config::dev`] have done so; this is for who changes a configuration afterwards.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), ConfigError> {
        rules::check(self)
    }

    /// Checks an address that becomes known only when the node starts, as that of a socket opened
    /// by systemd, against what the configuration allows.
    ///
    /// # Errors
    /// Other machines could reach the address, and must not.
    pub fn check_listening(&self, address: SocketAddr) -> Result<(), ConfigError> {
        rules::check_address(self, address).map_err(ConfigError::Refused)
    }

    /// What is allowed, and yet worth a word in the log when the node starts.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What holds for clients without a token.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            anonymous: self.client.anonymous,
            insecure: self.client.insecure,
            inbox: self.inbox.enabled,
            ..Policy::default()
        }
    }

    /// What tokens are checked against. Reads the files of the keys.
    ///
    /// # Errors
    /// A key or an issuer is not as it should be.
    pub fn token_keys(&self) -> Result<TokenKeys, ConfigError> {
        token_keys::read(&self.token).map_err(ConfigError::Refused)
    }

    /// The namespaces.
    #[must_use]
    pub fn namespaces(&self) -> Namespaces {
        let default = self.namespaces.iter().find(|namespace| namespace.name.is_empty());
        let default = default.map(Namespace::channel_options).or_else(|| self.fallback.clone());
        let mut namespaces = Namespaces::new(default);
        for namespace in self.namespaces.iter().filter(|namespace| !namespace.name.is_empty()) {
            namespaces.insert(&namespace.name, namespace.channel_options());
        }
        if let Some(inbox) = self.inbox.channel_options() {
            namespaces.set_inbox(inbox);
        }
        if let Some(fallback) = &self.fallback {
            namespaces.set_fallback(fallback.clone());
        }
        namespaces
    }

    fn add_rooms(&mut self) {
        if !self.rooms.enabled {
            return;
        }
        let rooms = rooms_namespace();
        match self.namespaces.iter_mut().find(|known| known.name == rooms.name) {
            // Whoever is in a room hears who comes and goes, whatever else he may.
            Some(known) => known.options.force_push_join_leave = known.options.join_leave,
            None => self.namespaces.push(rooms),
        }
    }
}

/// What every channel has in development.
fn everything() -> ChannelOptions {
    ChannelOptions {
        presence: true,
        join_leave: true,
        retention: Some(Retention { size: 100, ttl_ms: 300_000, bytes: 16 << 20 }),
        recovery: true,
        delta: true,
        ..ChannelOptions::default()
    }
}
