//! Issuers that publish their keys, and what is known of them.
//!
//! Keys are looked up by issuer and id, and by nothing else: an id means nothing outside the set of
//! its issuer. Nothing is fetched here. Whoever can asks what is [due](Issuers::due), and says what
//! was [learned](Issuers::learn), or that nothing was.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use trunkline_core::gate::TokenError;
use trunkline_core::time::WallTime;

use crate::jwks::{JwksError, KEY_ID_BYTES, parse};
use crate::jws::Jws;
use crate::public_key::PublicKey;

/// How often a key set is fetched in any case, in milliseconds (5 minutes): for so long a key that
/// its issuer has withdrawn is still accepted.
const REFETCH_MS: u64 = 5 * 60_000;

/// How often it is fetched at most, in milliseconds (5 s), whatever tokens name.
const FETCH_MIN_MS: u64 = 5_000;

/// For how long an id that a set did not hold is known to be in none, in milliseconds (1 minute).
const ABSENT_MS: u64 = 60_000;

/// Ids that are looked for, or known not to be there, at a time and issuer. Anybody can make them
/// up; of those beyond this only that there are some is kept.
const STRANGERS: usize = 64;

/// An issuer of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What its tokens say in `iss`.
    pub name: String,
    /// Where its key set is.
    pub jwks_url: String,
    /// What `aud` must name in its tokens; `None` for what holds for all.
    pub audience: Option<String>,
}

/// A key set that should be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whose it is.
    pub issuer: String,
    /// Where it is.
    pub url: String,
}

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<Box<str>, Arc<PublicKey>>,
    fetched_at: Option<WallTime>,
    tried_at: Option<WallTime>,
    sought: HashSet<Box<str>>,
    /// Whether more are sought than there is room for.
    more_sought: bool,
    /// Since when they are known to be in no set.
    absent: HashMap<Box<str>, WallTime>,
}

/// Issuers and what is known of their keys.
#[derive(Default)]
pub struct Issuers {
    all: Vec<(Issuer, Mutex<Known>)>,
}

/// One of them.
pub(crate) struct Said<'a>(&'a Issuer, &'a Mutex<Known>);

impl Issuers {
    /// Issuers of which no key is known yet.
    #[must_use]
    pub fn new(issuers: Vec<Issuer>) -> Self {
        Self { all: issuers.into_iter().map(|issuer| (issuer, Mutex::default())).collect() }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Issuer> {
        self.all.iter().map(|(issuer, _)| issuer)
    }

    /// The key sets that should be fetched now. Whoever asks is taken to try.
    #[must_use]
    pub fn due(&self, now: WallTime) -> Vec<Due> {
        let is_due = |(issuer, known): &(Issuer, Mutex<Known>)| {
            let mut known = lock(known);
            let wanted = known.more_sought
                || !known.sought.is_empty()
                || known.fetched_at.is_none_or(|then| is_over(REFETCH_MS, then, now));
            if !wanted || known.tried_at.is_some_and(|then| !is_over(FETCH_MIN_MS, then, now)) {
                return None;
            }
            known.tried_at = Some(now);
            Some(Due { issuer: issuer.name.clone(), url: issuer.jwks_url.clone() })
        };
        self.all.iter().filter_map(is_due).collect()
    }

    /// An issuer's key set was fetched: its keys are those, and no others, from now on. Says how
    /// many they are.
    ///
    /// # Errors
    /// It is no key set. The keys that were known stay.
    pub fn learn(&self, issuer: &str, set: &[u8], now: WallTime) -> Result<usize, JwksError> {
        let keys = parse(set)?;
        let Some((_, known)) = self.all.iter().find(|(known, _)| known.name == issuer) else {
            return Ok(0);
        };
        let mut known = lock(known);
        known.keys = keys.into_iter().map(|(id, key)| (id, Arc::new(key))).collect();
        known.fetched_at = Some(now);
        known.more_sought = false;
        let Known { keys, sought, absent, .. } = &mut *known;
        absent.retain(|id, then| !is_over(ABSENT_MS, *then, now) && !keys.contains_key(id));
        let strangers = sought.drain().filter(|id| !keys.contains_key(id));
        absent.extend(strangers.map(|id| (id, now)));
        Ok(keys.len())
    }

    /// The issuer that a token says has issued it, if it is one of these.
    pub(crate) fn said_by(&self, jws: &Jws<'_>) -> Option<Said<'_>> {
        #[derive(Deserialize)]
        struct Claims {
            iss: Option<String>,
        }
        let claims: Claims = serde_json::from_str(&jws.claims()?).ok()?;
        let name = claims.iss?;
        let (issuer, known) = self.all.iter().find(|(issuer, _)| issuer.name == name)?;
        Some(Said(issuer, known))
    }
}

impl<'a> Said<'a> {
    pub(crate) fn audience(&self) -> Option<&'a str> {
        self.0.audience.as_deref()
    }

    /// Whether it was this issuer who has signed.
    pub(crate) fn verify(&self, jws: &Jws<'_>, now: WallTime) -> Result<(), TokenError> {
        let id = jws.header.kid.as_deref().filter(|id| id.len() <= KEY_ID_BYTES);
        let id = id.ok_or(TokenError::Invalid)?;
        let key = self.find(id, now)?;
        // The lock is not held meanwhile: other shards have tokens to verify, too.
        match key.has_signed(&jws.header.alg, jws.message, &jws.signature) {
            true => Ok(()),
            false => Err(TokenError::Invalid),
        }
    }

    fn find(&self, id: &str, now: WallTime) -> Result<Arc<PublicKey>, TokenError> {
        let mut known = lock(self.1);
        if let Some(key) = known.keys.get(id) {
            return Ok(Arc::clone(key));
        }
        known.absent.retain(|_, then| !is_over(ABSENT_MS, *then, now));
        if known.absent.contains_key(id) {
            return Err(TokenError::Invalid);
        }
        if !known.sought.contains(id) {
            // That there is no room says nothing about this id: others may have made up the rest,
            // and must not be able to have a good token refused for good.
            if known.sought.len() + known.absent.len() < STRANGERS {
                known.sought.insert(id.into());
            } else {
                known.more_sought = true;
            }
        }
        Err(TokenError::NotYet)
    }
}

/// Whether a time has passed since then. It has if that lies ahead: the clock was put back, and says
/// no more how long it is ago.
fn is_over(ms: u64, then: WallTime, now: WallTime) -> bool {
    now.0.checked_sub(then.0).is_none_or(|passed| passed >= ms)
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PartialEq for Issuers {
    /// Whether the same issuers are meant, whatever is known of them.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Issuers {}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
