//! `trunkline token`: tokens as the application's backend would make them.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use trunkline_auth::{Claims, Secret, mint};
use trunkline_config::{Config, Overrides};
use trunkline_core::channel::ChannelName;
use trunkline_core::limits::TOKEN_ID_BYTES;
use trunkline_core::revocation::TokenId;
use trunkline_core::time::WallTime;

use super::{Failure, Output, environment};

/// The arguments of `token`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: trunkline token --user ann --config trunkline.toml
         trunkline token --user ann --channel '$news:today' --ttl 10m --config trunkline.toml")]
pub(crate) struct TokenArgs {
    /// The user; an empty one makes a token of an anonymous client
    #[arg(long)]
    user: String,
    /// Make a subscription token for this channel, rather than a connection token
    #[arg(long)]
    channel: Option<String>,
    /// How long the token is good: a number and s, m, h or d
    #[arg(long, default_value = "1h", value_parser = lifetime)]
    ttl: Duration,
    /// An id for the token, by which it can be taken back alone
    #[arg(long, value_name = "ID", value_parser = token_id)]
    id: Option<String>,
    /// The secret to sign with, in place of the configured one
    #[arg(long, env = "TRUNKLINE_TOKEN__HMAC_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Configuration file to take secret, audience and issuer from
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints a token.
///
/// # Errors
/// There is no secret to sign with, or what the token would say makes no sense.
pub(crate) fn run(args: &TokenArgs) -> Result<(), Failure> {
    if let Some(channel) = &args.channel {
        ChannelName::parse(channel).map_err(Failure::trouble)?;
    }
    let mut claims = Claims {
        user: args.user.clone(),
        channel: args.channel.clone(),
        expires_at: Some(after(args.ttl)?),
        issued_at: Some(after(Duration::ZERO)?),
        id: args.id.clone(),
        ..Claims::default()
    };
    let mut secret = args.secret.as_deref().map(Secret::new);
    if let Some(file) = &args.config {
        let token = Config::load(Some(file), environment(), &Overrides::default())
            .map_err(Failure::trouble)?
            .token;
        claims.audience = token.audience;
        claims.issuer = token.issuer;
        secret = secret.or(token.hmac_secret);
    }
    let Some(secret) = secret.filter(|secret| !secret.is_empty()) else {
        return Err(Failure::trouble(
            "no secret to sign with: give --config or --secret, or set TRUNKLINE_TOKEN__HMAC_SECRET",
        ));
    };
    Output::stdout().line(&mint(&secret, &claims)).map(drop)
}

fn after(ttl: Duration) -> Result<WallTime, Failure> {
    let end = SystemTime::now().checked_add(ttl);
    let millis =
        end.and_then(|end| end.duration_since(UNIX_EPOCH).ok()?.as_millis().try_into().ok());
    millis.map(WallTime).ok_or_else(|| Failure::trouble("--ttl: no clock goes that far"))
}

fn token_id(text: &str) -> Result<String, String> {
    let wrong = || format!("wants 1 to {TOKEN_ID_BYTES} bytes");
    TokenId::new(text).map(|id| id.as_str().to_owned()).ok_or_else(wrong)
}

/// Reads a lifetime. Tokens are good to the second, so there is nothing smaller.
fn lifetime(text: &str) -> Result<Duration, String> {
    let wrong = || "wants a whole number and s, m, h or d, as in 1h".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|number| whole && *number > 0);
    number.and_then(|number| number.checked_mul(seconds)).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes() {
        for (text, seconds) in [("30s", 30), ("10m", 600), ("1h", 3_600), ("2d", 172_800)] {
            assert_eq!(lifetime(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "h", "1", "1 h", "soon", "0s", "-1s", "+1s", "1.5h", "1w", "9999999999999999999d"]
        {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }
}
