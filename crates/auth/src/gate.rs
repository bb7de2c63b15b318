//! Reading tokens.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{DecodingKey, Validation};
use serde::de::DeserializeOwned;
use trunkline_core::channel::ChannelName;
use trunkline_core::gate::{Gate, SubscriptionGrant, TokenError};
use trunkline_core::identity::{ClientId, Identity, ServerSubscription, UserId};
use trunkline_core::limits::USER_ID_BYTES;
use trunkline_core::time::WallTime;

use crate::claims::{CommonClaims, ConnectionClaims, SubscriptionClaims};
use crate::secret::Secret;
use crate::{hmac, info};

/// Longest token that is looked at, in bytes: a default message holds no longer one, and a token
/// is hashed before anything about it is known.
pub const TOKEN_BYTES: usize = 64 * 1024;

/// How far ahead of the node's clock the issuer's may be when a token says `nbf`, in
/// milliseconds (30 s). `exp` has no leeway: a client fetches a new token, and that is all.
pub const NOT_BEFORE_LEEWAY_MS: u64 = 30_000;

/// What tokens are checked against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenKeys {
    /// Secrets that may have signed a token (HS256, HS384 or HS512), newest first. Without any,
    /// every token is invalid. An empty text is no secret.
    pub hmac_secrets: Vec<Secret>,
    /// What `aud` must name; `None` leaves it alone.
    pub audience: Option<String>,
    /// What `iss` must be; `None` leaves it alone.
    pub issuer: Option<String>,
}

/// Checks tokens with secrets shared between the application and the node.
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
    pub fn replace(&self, keys: TokenKeys) {
        let verifier = Arc::new(Verifier::new(keys));
        *self.verifier.write().unwrap_or_else(PoisonError::into_inner) = verifier;
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
            channels: server_subscriptions(&own)?,
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
        };
        unexpired(&common, now).map(|()| grant)
    }
}

struct Verifier {
    keys: Vec<DecodingKey>,
    validation: Validation,
    audience: Option<String>,
    issuer: Option<String>,
}

impl Verifier {
    fn new(keys: TokenKeys) -> Self {
        hmac::install();
        // The library looks at the signature only: it would compare times with the system clock.
        let mut validation = Validation::default();
        validation.algorithms = hmac::ALGORITHMS.to_vec();
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let secrets = keys.hmac_secrets.iter().filter(|secret| !secret.is_empty());
        Self {
            keys: secrets.map(|s| DecodingKey::from_secret(s.expose().as_bytes())).collect(),
            validation,
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
        let claims = self.keys.iter().find_map(|key| self.signed_with(key, token).transpose());
        let claims = claims.ok_or(TokenError::Invalid)??;
        let common: CommonClaims = parse(claims.get())?;
        let own = parse(claims.get())?;
        let latest = now.0.saturating_add(NOT_BEFORE_LEEWAY_MS);
        let early = common.nbf.is_some_and(|nbf| latest < nbf.wall_time().0);
        if early || !self.is_addressed(&common) {
            return Err(TokenError::Invalid);
        }
        Ok((common, own))
    }

    /// The claims, if it was `key` that signed them; `None` asks for the next key.
    fn signed_with(&self, key: &DecodingKey, token: &str) -> Result<Option<RawClaims>, TokenError> {
        match jsonwebtoken::decode::<RawClaims>(token, key, &self.validation) {
            // RFC 7515, section 4.1.11: what must be understood, and is not, invalidates.
            Ok(data) if data.header.crit.is_some() => Err(TokenError::Invalid),
            Ok(data) => Ok(Some(data.claims)),
            Err(error) if *error.kind() == ErrorKind::InvalidSignature => Ok(None),
            Err(_) => Err(TokenError::Invalid),
        }
    }

    fn is_addressed(&self, claims: &CommonClaims) -> bool {
        let audience = self
            .audience
            .as_ref()
            .is_none_or(|wanted| claims.aud.as_ref().is_some_and(|aud| aud.includes(wanted)));
        audience && (self.issuer.is_none() || self.issuer == claims.iss)
    }
}

type RawClaims = Box<serde_json::value::RawValue>;

fn parse<T: DeserializeOwned>(claims: &str) -> Result<T, TokenError> {
    serde_json::from_str(claims).map_err(|_| TokenError::Invalid)
}

fn unexpired(claims: &CommonClaims, now: WallTime) -> Result<(), TokenError> {
    match claims.exp {
        Some(exp) if exp.wall_time() <= now => Err(TokenError::Expired),
        _ => Ok(()),
    }
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
