//! What SIGHUP reads again: certificates, token secrets, API keys.

use std::sync::Arc;

use trunkline_auth::{ApiKeys, TokenGate};
use trunkline_transport::TlsAcceptor;

use crate::cli::{Failure, ServeArgs};

/// Everything that can be replaced while the node runs.
pub(super) struct Reload {
    pub(super) args: ServeArgs,
    pub(super) gate: Arc<TokenGate>,
    pub(super) api_keys: Arc<ApiKeys>,
    pub(super) tls: Option<TlsAcceptor>,
}

impl Reload {
    /// Reads them again. What cannot be read is left as it was, and said so in the log.
    pub(super) fn run(&self) {
        if let Some(tls) = &self.tls {
            match tls.reload() {
                Ok(()) => tracing::info!("certificate reloaded"),
                Err(error) => {
                    tracing::error!(%error, "certificate not reloaded, the old one stays");
                }
            }
        }
        // In development the keys are made up at start, and clients know them from there.
        if self.args.dev {
            return;
        }
        let read = || {
            let config = super::configuration(&self.args)?;
            let keys = super::token_keys(&config)?;
            Ok::<_, Failure>((config, keys))
        };
        match read() {
            Ok((config, keys)) => {
                self.gate.replace(keys);
                self.api_keys.replace(&config.api.keys);
                tracing::info!("keys reloaded");
            }
            Err(error) => {
                tracing::error!(error = error.message(), "keys not reloaded, the old ones stay");
            }
        }
    }
}
