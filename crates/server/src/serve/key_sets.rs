//! Fetching the key sets of issuers, on the control thread.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use trunkline_auth::{Due, Issuer, Issuers, JWKS_BYTES, TokenGate};
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
    for Issuer { name, jwks_url, .. } in issuers.iter() {
        let address: Address = jwks_url
            .parse()
            .map_err(|error| format!("token.issuers, jwks_url of {name}: this is {error}"))?;
        if address.is_exposed() {
            return Err(format!("token.issuers, {address}: it could be changed on its way"));
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
            // As an address, which hides its query: there may be a key in it.
            let url = due.url.parse::<Address>().map_or_else(|e| e.to_string(), |a| a.to_string());
            let issuer = &due.issuer;
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

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "?key=secret";

    /// What the log says of a set that cannot be fetched.
    fn logged(url: String) -> String {
        let (read, write) = std::io::pipe().unwrap();
        let log = tracing_subscriber::fmt().with_writer(Mutex::new(write)).finish();
        tracing::subscriber::with_default(log, || {
            Failing::default().failed(&Due { issuer: "https://a".into(), url }, "status 500");
        });
        std::io::read_to_string(read).unwrap()
    }

    #[test]
    fn a_key_in_the_query_of_a_set_is_not_logged() {
        let line = logged(format!("https://a.example/keys{QUERY}"));
        assert!(line.contains("https://a.example/keys"), "{line}");
        assert!(!line.contains("secret"), "{line}");
        assert!(!logged(format!("nowhere{QUERY}")).contains("secret"));
    }

    #[test]
    fn nor_is_it_told_of_a_set_that_cannot_be_asked_for() {
        for (url, told) in [
            ("http://10.0.0.1/keys", "token.issuers, http://10.0.0.1/keys: it could be changed"),
            ("nowhere", "token.issuers, jwks_url of https://a: this is no absolute address"),
            ("https://ann:secret@a.example/", "an address with credentials in it"),
        ] {
            let jwks_url = format!("{url}{QUERY}");
            let issuer = Issuer { name: "https://a".into(), jwks_url, audience: None };
            let error = check(&Issuers::new(vec![issuer])).unwrap_err();
            assert!(error.contains(told) && !error.contains("secret"), "{error}");
        }
    }
}
