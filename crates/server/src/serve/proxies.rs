//! Which proxies stand before the node, from what the configuration says.

use trunkline_config::Config;
use trunkline_transport::Proxies;

/// The proxies.
///
/// # Errors
/// One of them is no address; says which.
pub(crate) fn trusted(config: &Config) -> Result<Proxies, String> {
    let network = |text: &String| {
        text.parse().map_err(|error| format!("server.trusted_proxies: {text:?} is {error}"))
    };
    config.server.trusted_proxies.iter().map(network).collect::<Result<_, _>>().map(Proxies)
}
