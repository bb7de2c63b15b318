//! Fetching the key sets of issuers, on the control thread.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use trunkline_auth::{Due, Issuers, JWKS_BYTES, TokenGate};
use trunkline_outgoing::{Address, Client, Limits};

use super::{application, wall_clock};

/// How often is looked whether a set has to be fetched: a client whose token names a new key comes
/// back about a second later.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What one fetch may take: less than lies between two of the same set at least, so that no two are
/// under way.
const LIMITS: Limits = Limits { time: Duration::from_secs(4), bytes: JWKS_BYTES };

/// Whether all sets are at addresses that can be asked.
///
/// # Errors
/// One of them is not; says which.
pub(crate) fn check(issuers: &Issuers) -> Result<(), String> {
    for issuer in issuers.iter() {
        let url = &issuer.jwks_url;
        let address: Address =
            url.parse().map_err(|error| format!("token.issuers, {url}: this is {error}"))?;
        if address.is_exposed() {
            return Err(format!("token.issuers, {url}: it could be changed on its way"));
        }
    }
    Ok(())
}

/// Fetches sets whenever the gate wants one.
pub(super) async fn fetch(gate: Arc<TokenGate>) {
    let mut client = None;
    let failing = Arc::new(Failing::default());
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let issuers = gate.issuers();
        for due in issuers.due(wall_clock()) {
            let client = match &client {
                Some(client) => Client::clone(client),
                None => match application::client() {
                    Ok(made) => client.insert(made).clone(),
                    Err(error) => {
                        failing.failed(&due, &error);
                        continue;
                    }
                },
            };
            tokio::spawn(fetch_one(client, Arc::clone(&issuers), due, Arc::clone(&failing)));
        }
    }
}

/// A set that cannot be had leaves the keys that are known.
async fn fetch_one(client: Client, issuers: Arc<Issuers>, due: Due, failing: Arc<Failing>) {
    let learned = match due.url.parse::<Address>() {
        Err(error) => Err(error.to_string()),
        Ok(address) => match client.get(&address, LIMITS).await {
            Err(trouble) => Err(trouble.to_string()),
            Ok(answer) if answer.status != 200 => Err(format!("status {}", answer.status)),
            Ok(answer) => issuers
                .learn(&due.issuer, &answer.body, wall_clock())
                .map_err(|error| error.to_string()),
        },
    };
    match learned {
        Ok(keys) => failing.succeeded(&due, keys),
        Err(error) => failing.failed(&due, &error),
    }
}

/// The issuers whose sets could not be fetched the last time, so that it is said once.
#[derive(Default)]
struct Failing(Mutex<HashSet<String>>);

impl Failing {
    fn failed(&self, due: &Due, error: &str) {
        let news = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(due.issuer.clone());
        if news {
            let Due { issuer, url } = due;
            tracing::warn!(%issuer, %url, error, "key set not fetched, what is known of it stays");
        }
    }

    fn succeeded(&self, due: &Due, keys: usize) {
        let was = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&due.issuer);
        if was {
            tracing::info!(issuer = %due.issuer, keys, "key set fetched again");
        }
    }
}
