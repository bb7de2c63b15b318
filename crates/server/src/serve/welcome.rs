//! What a node says on stdout when it is ready.

use std::io::Write;
use std::net::SocketAddr;

use trunkline_config::Config;

/// Says where the node is, in one line that scripts can read.
pub(super) fn ready(listen: &str, admin: SocketAddr) {
    say(&format!("ready listen={listen} admin={admin}\n"));
}

/// Shows a newcomer what to do first.
pub(super) fn greet(config: &Config, listen: &str) {
    let key = config.api.keys.first().map_or("", |key| key.expose());
    say(&format!(
        "Trunkline, for development: everybody may do everything, nothing outlives the process.\n\
         \n\
         page     http://{listen}/\n\
         API key  {key}\n\
         try      curl -H 'X-API-Key: {key}' http://{listen}/api/publish \
         -d '{{\"channel\":\"lobby\",\"data\":{{\"text\":\"hello\"}}}}'\n\
         \n"
    ));
}

/// Whoever closed our stdout does not want to know.
fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
