//! A gate whose tokens can be read by people, and namespaces of every kind.

use crate::channel::ChannelName;
use crate::gate::{Gate, SubscriptionGrant, TokenError};
use crate::identity::{ClientId, Identity, ServerSubscription, UserId};
use crate::namespace::{Access, ChannelOptions, Namespaces, RecoveryMode, Retention};
use crate::revocation::{Credential, TokenId};
use crate::time::WallTime;

/// When every scene begins.
pub(super) const START: WallTime = WallTime(1_000_000);

/// Tokens say what they grant: `user/ann/exp=60/info=x/channels=a,b` lets ann connect for 60 s
/// from the beginning of the scene, and `sub/log:a/ann/exp=60/info=x/client=8` lets her subscribe.
/// `iat=5` and `id=t` say when a token was issued, and its id. `expired` has, and anything else is no token.
pub(super) struct TokensAsWords;

struct Claims<'a>(Vec<&'a str>);

impl<'a> Claims<'a> {
    fn read(token: &'a str, kind: &str) -> Result<Self, TokenError> {
        if token == "expired" {
            return Err(TokenError::Expired);
        }
        let claims = Self(token.split('/').collect());
        if claims.0[0] == kind { Ok(claims) } else { Err(TokenError::Invalid) }
    }

    fn named(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find_map(|claim| claim.strip_prefix(name)?.strip_prefix('='))
    }

    fn info(&self) -> Option<bytes::Bytes> {
        self.named("info").map(|info| bytes::Bytes::copy_from_slice(info.as_bytes()))
    }

    fn credential(&self) -> Credential {
        let issued = self.named("iat").map_or(0, |seconds| 1000 * seconds.parse::<u64>().unwrap());
        let id = self.named("id").and_then(TokenId::new);
        Credential { id, issued_at: WallTime(START.0 + issued) }
    }

    fn expiry(&self, now: WallTime) -> Result<Option<WallTime>, TokenError> {
        let Some(seconds) = self.named("exp") else { return Ok(None) };
        let then = WallTime(START.0 + 1000 * seconds.parse::<u64>().unwrap());
        if then > now { Ok(Some(then)) } else { Err(TokenError::Expired) }
    }
}

impl Gate for TokensAsWords {
    fn connection(&self, token: &str, now: WallTime) -> Result<Identity, TokenError> {
        let claims = Claims::read(token, "user")?;
        let channels = claims.named("channels").map(|list| list.split(',').collect());
        let channels: Vec<&str> = channels.unwrap_or_default();
        let subscribed = |name| (ChannelName::parse(name).unwrap(), ServerSubscription::default());
        Ok(Identity {
            user: UserId::new(claims.0[1]),
            info: claims.info(),
            expires_at: claims.expiry(now)?,
            credential: Some(claims.credential()),
            channels: channels.into_iter().map(subscribed).collect(),
            ..Identity::default()
        })
    }

    fn subscription(&self, token: &str, now: WallTime) -> Result<SubscriptionGrant, TokenError> {
        let claims = Claims::read(token, "sub")?;
        Ok(SubscriptionGrant {
            channel: claims.0[1].into(),
            user: UserId::new(claims.0[2]),
            client: claims.named("client").map(|client| ClientId(client.parse().unwrap())),
            info: claims.info(),
            expires_at: claims.expiry(now)?,
            credential: claims.credential(),
        })
    }
}

/// | namespace | |
/// |---|---|
/// | none | everybody may do everything there is, which is presence |
/// | `open` | the same |
/// | `users` | only those with a user, only subscribers publish, read history and presence |
/// | `closed` | nobody without a token; nothing there |
/// | `lists` | open to listed users |
/// | `lists_open` | open to listed users, and to all where nobody is listed |
/// | `log` | open, with history and positions |
/// | `brief` | as `log`, but two publications are all that one recovery gives |
/// | `latest` | as `log`, but a recovery gives the latest publication |
/// | `ordered` | open, with history and positions nobody can come back to |
/// | `cache` | the same as `log`, but only the latest is recovered |
/// | `kept` | open, with history but no positions |
/// | `raw` | open, with history and positions, binary |
/// | `loud` | open, joins for those who ask |
/// | `louder` | open, joins for everybody |
/// | `asking` | what the application allows, and nothing else |
/// | `few` | open, but there are only so many seats |
/// | `few_log` | as `log`, the same |
/// | `few_asking` | as `asking`, the same |
/// | `shy` | joins for those who ask, and nobody may read presence |
pub(super) fn namespaces() -> Namespaces {
    let all = Access::ALL;
    let retention = Some(Retention { size: 10, ttl_ms: 60_000, bytes: 16 << 20 });
    let open = ChannelOptions {
        presence: true,
        subscribe: all,
        publish: all,
        history: all,
        read_presence: all,
        ..ChannelOptions::default()
    };
    let kept = ChannelOptions { retention, ..open.clone() };
    let log = ChannelOptions { recovery: true, ..kept.clone() };
    let subscribers = Access { client: false, subscriber: true, anonymous: false };
    let users = ChannelOptions {
        subscribe: Access { client: true, subscriber: false, anonymous: false },
        publish: subscribers,
        history: subscribers,
        read_presence: subscribers,
        ..log.clone()
    };
    let lists = ChannelOptions { user_limited: true, ..ChannelOptions::default() };
    let loud = ChannelOptions { join_leave: true, ..open.clone() };
    let mut namespaces = Namespaces::new(Some(open.clone()));
    namespaces.set_inbox(ChannelOptions { user_limited: true, ..log.clone() });
    let asking =
        ChannelOptions { asks_subscribe: true, asks_publish: true, ..ChannelOptions::default() };
    for (name, options) in [
        ("users", users),
        ("closed", ChannelOptions::default()),
        ("lists_open", ChannelOptions { subscribe: all, ..lists.clone() }),
        ("lists", lists),
        ("raw", ChannelOptions { binary: true, ..log.clone() }),
        ("brief", ChannelOptions { recovery_limit: 2, ..log.clone() }),
        ("latest", ChannelOptions { recovery_mode: RecoveryMode::Cache, ..log.clone() }),
        ("cache", ChannelOptions { recovery_mode: RecoveryMode::Cache, ..log.clone() }),
        ("few", ChannelOptions { subscribers_per_channel: 1, ..open.clone() }),
        ("few_log", ChannelOptions { subscriptions: 1, ..log.clone() }),
        ("few_asking", ChannelOptions { subscriptions: 1, ..asking.clone() }),
        ("log", log),
        ("ordered", ChannelOptions { positioning: true, ..kept.clone() }),
        ("kept", kept),
        ("louder", ChannelOptions { force_push_join_leave: true, ..loud.clone() }),
        ("shy", ChannelOptions { read_presence: Access::default(), ..loud.clone() }),
        ("loud", loud),
        ("asking", asking),
        ("open", open),
    ] {
        namespaces.insert(name, options);
    }
    namespaces
}
