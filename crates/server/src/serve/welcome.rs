//! What a node says on stdout when it is ready.

use std::io::Write;
use std::net::SocketAddr;

use trunkline_config::{Config, Keeping};

/// Says where the node is, in one line that scripts can read.
pub(super) fn ready(listen: &str, admin: SocketAddr) {
    say(&format!("ready listen={listen} admin={admin}\n"));
}

/// Shows a newcomer what to do first.
pub(super) fn greet(config: &Config, listen: &str) {
    let key = config.api.keys.first().map_or("", |key| key.expose());
    let scheme = if config.server.tls.files().is_some() { "https" } else { "http" };
    // A Unix socket has no address that a browser could open.
    let (page, to) = match listen.strip_prefix("unix:") {
        Some(path) => (String::new(), format!("--unix-socket {path} {scheme}://localhost")),
        None => (format!("page     {scheme}://{listen}/\n"), format!("{scheme}://{listen}")),
    };
    let keeping = match config.storage.keeping() {
        Keeping::Memory => "nothing outlives the process".to_owned(),
        Keeping::Redis => "streams are kept in Redis".to_owned(),
        Keeping::Embedded(dir) => format!("streams are kept in {}", dir.display()),
    };
    say(&format!(
        "Trunkline, for development: everybody may do everything, {keeping}.\n\
         \n\
         {page}\
         API key  {key}\n\
         try      curl -H 'X-API-Key: {key}' {to}/api/publish \
         -d '{{\"channel\":\"lobby\",\"data\":{{\"text\":\"hello\"}}}}'\n\
         \n"
    ));
}

/// Whoever closed our stdout does not want to know.
fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
