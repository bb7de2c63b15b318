//! Reading tokens.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::de::DeserializeOwned;
use trunkline_core::channel::ChannelName;
use trunkline_core::gate::{Gate, SubscriptionGrant, TokenError};
use trunkline_core::identity::{ClientId, Identity, ServerSubscription, UserId};
use trunkline_core::limits::USER_ID_BYTES;
use trunkline_core::revocation::{Credential, TokenId};
use trunkline_core::time::WallTime;

use crate::claims::{CommonClaims, ConnectionClaims, SubscriptionClaims};
use crate::hmac::SharedKey;
use crate::info;
use crate::issuers::Issuers;
use crate::jws::Jws;
use crate::public_key::PublicKey;
use crate::secret::Secret;

/// Longest token that is looked at, in bytes: a default message holds no longer one, and a token
/// is hashed before anything about it is known.
pub const TOKEN_BYTES: usize = 64 * 1024;

/// How far ahead of the node's clock the issuer's may be when a token says `nbf` or `iat`, in
/// milliseconds (30 s). `exp` has no leeway: a client fetches a new token, and that is all.
pub const NOT_BEFORE_LEEWAY_MS: u64 = 30_000;

/// What tokens are checked against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenKeys {
    /// Secrets that may have signed a token (HS256, HS384 or HS512), newest first. An empty
    /// text is no secret. Without secrets and keys every token is invalid.
    pub hmac_secrets: Vec<Secret>,
    /// Public keys of those who may have signed a token, each with its algorithm.
    pub public_keys: Vec<PublicKey>,
    /// Issuers whose keys come from their own key sets. What says that one of them has issued it is
    /// verified with that issuer's keys, and no others.
    pub issuers: Arc<Issuers>,
    /// What `aud` must name; `None` leaves it alone.
    pub audience: Option<String>,
    /// What `iss` must be; `None` leaves it alone.
    pub issuer: Option<String>,
}

/// Checks tokens with secrets shared between the application and the node, or with the public keys
/// of those who sign them.
///
/// Time is what the caller says it is. The secrets can be replaced at run time: tokens are read
/// with those in force at that moment, connections made earlier stay.
pub struct TokenGate {
    verifier: RwLock<Arc<Verifier>>,
}

impl TokenGate {
    /// A gate that accepts tokens signed with these keys.
    #[must_use]
    pub fn new(keys: TokenKeys) -> Self {
        Self { verifier: RwLock::new(Arc::new(Verifier::new(keys))) }
    }

    /// Accepts tokens signed with these keys and no others from now on.
    pub fn replace(&self, mut keys: TokenKeys) {
        let issuers = self.issuers();
        if keys.issuers == issuers {
            // The same ones: what is known of their keys stays known.
            keys.issuers = issuers;
        }
        let verifier = Arc::new(Verifier::new(keys));
        *self.verifier.write().unwrap_or_else(PoisonError::into_inner) = verifier;
    }

    /// The issuers whose key sets have to be fetched.
    #[must_use]
    pub fn issuers(&self) -> Arc<Issuers> {
        Arc::clone(&self.verifier().issuers)
    }

    fn verifier(&self) -> Arc<Verifier> {
        Arc::clone(&self.verifier.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Gate for TokenGate {
    fn connection(&self, token: &str, now: WallTime) -> Result<Identity, TokenError> {
        let verifier = self.verifier();
        let (common, own): (CommonClaims, ConnectionClaims) = verifier.read(token, now)?;
        if own.channel.is_some() {
            return Err(TokenError::Invalid);
        }
        let identity = Identity {
            user: user(&common.sub)?,
            info: info::read(common.info.as_deref(), common.b64info.as_deref())?,
            expires_at: common.holder_expires_at(),
            credential: Some(credential(&common)?),
            channels: server_subscriptions(&own)?,
            ..Identity::default()
        };
        unexpired(&common, now).map(|()| identity)
    }

    fn subscription(&self, token: &str, now: WallTime) -> Result<SubscriptionGrant, TokenError> {
        let verifier = self.verifier();
        let (common, own): (CommonClaims, SubscriptionClaims) = verifier.read(token, now)?;
        let grant = SubscriptionGrant {
            user: user(&common.sub)?,
            channel: channel(&own.channel)?.as_str().into(),
            client: client(&own.client)?,
            info: info::read(common.info.as_deref(), common.b64info.as_deref())?,
            expires_at: common.holder_expires_at(),
            credential: credential(&common)?,
        };
        unexpired(&common, now).map(|()| grant)
    }
}

struct Verifier {
    shared: Vec<SharedKey>,
    public: Vec<PublicKey>,
    issuers: Arc<Issuers>,
    audience: Option<String>,
    issuer: Option<String>,
}

impl Verifier {
    fn new(keys: TokenKeys) -> Self {
        let secrets = keys.hmac_secrets.iter().filter(|secret| !secret.is_empty());
        Self {
            shared: secrets.map(SharedKey::new).collect(),
            public: keys.public_keys,
            issuers: keys.issuers,
            audience: keys.audience,
            issuer: keys.issuer,
        }
    }

    /// The claims of a token that one of the keys has signed, that is meant for this node and
    /// that is in force already. Whether it still is, is for the caller to ask last: `Expired`
    /// promises that a newer token of the same kind would do.
    fn read<T: DeserializeOwned>(
        &self,
        token: &str,
        now: WallTime,
    ) -> Result<(CommonClaims, T), TokenError> {
        if token.len() > TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let jws = Jws::parse(token).ok_or(TokenError::Invalid)?;
        // Not believed: whoever says so still has to have that issuer's signature.
        let said = match self.issuers.is_empty() {
            true => None,
            false => self.issuers.said_by(&jws),
        };
        let audience = match &said {
            Some(issuer) => {
                issuer.verify(&jws, now)?;
                issuer.audience().or(self.audience.as_deref())
            }
            None => {
                self.verify(&jws)?;
                self.audience.as_deref()
            }
        };
        let claims = jws.claims().ok_or(TokenError::Invalid)?;
        let common: CommonClaims = parse(&claims)?;
        let own = parse(&claims)?;
        let latest = now.0.saturating_add(NOT_BEFORE_LEEWAY_MS);
        let early =
            [&common.nbf, &common.iat].into_iter().flatten().any(|at| latest < at.wall_time().0);
        let mine = said.is_some() || self.issuer.is_none() || self.issuer == common.iss;
        let meant = audience.is_none_or(|wanted| {
            common.aud.as_ref().is_some_and(|audience| audience.includes(wanted))
        });
        if early || !mine || !meant {
            return Err(TokenError::Invalid);
        }
        Ok((common, own))
    }

    /// Whether one of the keys of no issuer in particular has signed it.
    fn verify(&self, jws: &Jws<'_>) -> Result<(), TokenError> {
        let Jws { header, message, signature, .. } = jws;
        let shared = self.shared.iter().any(|key| key.has_signed(&header.alg, message, signature));
        let public =
            || self.public.iter().any(|key| key.has_signed(&header.alg, message, signature));
        if shared || public() { Ok(()) } else { Err(TokenError::Invalid) }
    }
}

fn parse<T: DeserializeOwned>(claims: &str) -> Result<T, TokenError> {
    serde_json::from_str(claims).map_err(|_| TokenError::Invalid)
}

fn unexpired(claims: &CommonClaims, now: WallTime) -> Result<(), TokenError> {
    match claims.exp {
        Some(exp) if exp.wall_time() <= now => Err(TokenError::Expired),
        _ => Ok(()),
    }
}

/// By what the token can be taken back. One whose id cannot be kept could not be.
fn credential(claims: &CommonClaims) -> Result<Credential, TokenError> {
    let id = match claims.jti.as_deref() {
        None | Some("") => None,
        Some(id) => Some(TokenId::new(id).ok_or(TokenError::Invalid)?),
    };
    Ok(Credential { id, issued_at: claims.iat.map_or(WallTime(0), |at| at.wall_time()) })
}

fn user(sub: &str) -> Result<UserId, TokenError> {
    if sub.len() > USER_ID_BYTES {
        return Err(TokenError::Invalid);
    }
    Ok(UserId::new(sub))
}

fn channel(name: &str) -> Result<ChannelName, TokenError> {
    ChannelName::parse(name).map_err(|_| TokenError::Invalid)
}

fn client(id: &str) -> Result<Option<ClientId>, TokenError> {
    match id {
        "" => Ok(None),
        id => ClientId::parse(id).map(Some).ok_or(TokenError::Invalid),
    }
}

/// The channels a connection token subscribes its connection to, each once, in order of name.
/// What `subs` says of a channel holds over its mention in `channels`.
fn server_subscriptions(
    claims: &ConnectionClaims,
) -> Result<Vec<(ChannelName, ServerSubscription)>, TokenError> {
    let mut channels = BTreeMap::new();
    for name in &claims.channels {
        channels.insert(channel(name)?, ServerSubscription::default());
    }
    for (name, options) in &claims.subs {
        let subscription = ServerSubscription {
            info: info::read(options.info.as_deref(), options.b64info.as_deref())?,
            data: info::read(options.data.as_deref(), options.b64data.as_deref())?,
        };
        channels.insert(channel(name)?, subscription);
    }
    Ok(channels.into_iter().collect())
}
