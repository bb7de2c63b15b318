//! Whom the node asks about clients, from what the configuration says.

use std::time::Duration;

use tokio::runtime::Handle;
use trunkline_callbacks::{Callbacks, Options};
use trunkline_config::Config;
use trunkline_outgoing::{Address, Client};

/// What the application is asked, if anything.
///
/// # Errors
/// An address is none; says which.
pub(crate) fn options(config: &Config) -> Result<Option<Options>, String> {
    let asks = &config.callbacks;
    let address = |name: &str, text: &Option<String>| {
        let parse = |text: &String| -> Result<Address, String> {
            text.parse().map_err(|error| format!("callbacks.{name}: this is {error}"))
        };
        text.as_ref().map(parse).transpose()
    };
    let options = Options {
        connect: address("connect_url", &asks.connect_url)?,
        refresh: address("refresh_url", &asks.refresh_url)?,
        subscribe: address("subscribe_url", &asks.subscribe_url)?,
        publish: address("publish_url", &asks.publish_url)?,
        sub_refresh: address("sub_refresh_url", &asks.sub_refresh_url)?,
        rpc: address("rpc_url", &asks.rpc_url)?,
        timeout: Duration::from_millis(asks.timeout_ms),
        connect_cache: Duration::from_millis(asks.connect_cache_ms),
    };
    let asks_anything = options.addresses().next().is_some();
    Ok(asks_anything.then_some(options))
}

/// Asks it on a runtime.
pub(super) fn open(options: Options, client: Client, runtime: Handle) -> Callbacks {
    for address in options.addresses().filter(|address| address.is_exposed()) {
        tracing::warn!(%address, "cookies and tokens are sent there without encryption");
    }
    Callbacks::new(options, client, runtime)
}

/// What makes calls.
///
/// # Errors
/// The system has no certificates to trust.
pub(super) fn client() -> Result<Client, String> {
    Client::new().map_err(|error| format!("no certificates of authorities: {error}"))
}
