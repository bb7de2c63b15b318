//! `trunkline publish`: one publication through the server API.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use clap::Args;
use serde_json::value::RawValue;
use trunkline_core::channel::ChannelName;

use super::node_url::{NodeUrl, why};
use super::{Failure, Output};

/// Most bytes that are read from stdin: far more than any node takes, and less than would hurt.
const STDIN_BYTES: u64 = 64 * 1024 * 1024;

/// How long a node may take to answer. Nothing is waited for but the node itself.
const ANSWER: Duration = Duration::from_secs(30);

/// The arguments of `publish`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: trunkline publish --api-key KEY lobby '{\"text\":\"hello\"}'
         echo 'hello' | trunkline publish --text lobby -")]
pub(crate) struct PublishArgs {
    /// The channel
    channel: String,
    /// What to publish, as JSON; - reads it from stdin
    data: String,
    /// DATA is no JSON but text, and published as a JSON string
    #[arg(long)]
    text: bool,
    /// The node
    #[arg(long, env = "TRUNKLINE_URL", default_value = "http://127.0.0.1:8000")]
    url: NodeUrl,
    /// Key of the server API
    #[arg(long, value_name = "KEY", env = "TRUNKLINE_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
}

/// Publishes, and prints where the publication was placed.
///
/// # Errors
/// The data is no JSON, there is no node, or it refuses.
pub(crate) fn run(args: &PublishArgs) -> Result<(), Failure> {
    let channel = ChannelName::parse(&args.channel).map_err(Failure::trouble)?;
    let data = match args.data.as_str() {
        "-" => json(&read_stdin(args.text)?, args.text)?,
        data => json(data, args.text)?,
    };
    let Some(key) = &args.api_key else {
        return Err(Failure::trouble("no API key: give --api-key or set TRUNKLINE_API_KEY"));
    };
    let body = body(&channel, &data);
    let (status, answer) = post(&args.url.endpoint("/api/publish"), key, &body)?;
    Output::stdout().line(&result(status, &answer)?).map(drop)
}

fn read_stdin(text: bool) -> Result<String, Failure> {
    let mut data = String::new();
    let read = std::io::stdin().lock().take(STDIN_BYTES + 1).read_to_string(&mut data);
    read.map_err(|error| Failure::trouble(format_args!("stdin: {error}")))?;
    if data.len() as u64 > STDIN_BYTES {
        return Err(Failure::trouble("stdin: more than 64 MiB"));
    }
    // The line break that ends a text in a shell is not part of it.
    if text && data.ends_with('\n') {
        data.pop();
        if data.ends_with('\r') {
            data.pop();
        }
    }
    Ok(data)
}

/// The data as the JSON that is published, exactly as it was given.
fn json(data: &str, text: bool) -> Result<Box<RawValue>, Failure> {
    if text {
        return serde_json::value::to_raw_value(data).map_err(Failure::trouble);
    }
    serde_json::from_str(data).map_err(|error| {
        Failure::trouble(format_args!(
            "DATA is not JSON ({error}); give --text to publish it as a JSON string"
        ))
    })
}

fn body(channel: &ChannelName, data: &RawValue) -> String {
    let channel = serde_json::Value::from(channel.as_str());
    format!(r#"{{"channel":{channel},"data":{data}}}"#)
}

fn post(url: &str, key: &str, body: &str) -> Result<(u16, String), Failure> {
    let trouble = |error: ureq::Error| Failure::trouble(format_args!("{url}: {}", why(&error)));
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(ANSWER))
        .build();
    let mut response = ureq::Agent::new_with_config(config)
        .post(url)
        .header("X-API-Key", key)
        .header("Content-Type", "application/json")
        .send(body)
        .map_err(trouble)?;
    let answer = response.body_mut().read_to_string().map_err(trouble)?;
    Ok((response.status().as_u16(), answer))
}

/// What the node answered: the result, or why there is none.
fn result(status: u16, answer: &str) -> Result<String, Failure> {
    match status {
        200 => {}
        // The key is this side's configuration; nobody looked at the publication.
        401 | 403 => {
            return Err(Failure::trouble("the node does not accept the API key (--api-key)"));
        }
        _ => {
            let words = answer.lines().next().unwrap_or("");
            return Err(Failure::refused(format_args!("the node answered {status} {words}")));
        }
    }
    let foreign = || Failure::refused("the answer is not one of a Trunkline node");
    let answer: BTreeMap<String, &RawValue> =
        serde_json::from_str(answer).map_err(|_| foreign())?;
    if let Some(result) = answer.get("result") {
        return Ok(result.get().to_owned());
    }
    let error: serde_json::Value = answer
        .get("error")
        .and_then(|error| serde_json::from_str(error.get()).ok())
        .ok_or_else(foreign)?;
    let words = error["message"].as_str().unwrap_or("no reason given");
    Err(Failure::refused(format_args!("the node refused: {words} ({})", error["code"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_published_as_it_was_given() {
        for data in [r#"{"b":1.50,"a":[]}"#, " 1\n", r#""text""#, "null"] {
            assert_eq!(json(data, false).unwrap().get(), data.trim());
        }
        let channel = ChannelName::parse(r#"say"x""#).unwrap();
        let body = body(&channel, &json("1.0", false).unwrap());
        assert_eq!(body, r#"{"channel":"say\"x\"","data":1.0}"#);
    }

    #[test]
    fn text_is_a_string_only_where_that_is_asked_for() {
        assert_eq!(json("say \"hi\"", true).unwrap().get(), r#""say \"hi\"""#);
        assert_eq!(json("1", true).unwrap().get(), r#""1""#);
        let failure = json("hello", false).unwrap_err();
        assert!(failure.message().contains("--text"), "{}", failure.message());
    }

    #[test]
    fn answers() {
        assert_eq!(
            result(200, r#"{"result":{"offset":1,"epoch":"x"}}"#).unwrap(),
            r#"{"offset":1,"epoch":"x"}"#
        );
        let refused = result(200, r#"{"error":{"code":102,"message":"unknown channel"}}"#);
        assert_eq!(refused, Err(Failure::refused("the node refused: unknown channel (102)")));
        assert_eq!(
            result(413, "body too large\n"),
            Err(Failure::refused("the node answered 413 body too large"))
        );
        for foreign in ["", "<html>", "{}", r#"{"error":1"#] {
            assert!(result(200, foreign).is_err(), "{foreign}");
        }
        assert!(result(401, "").unwrap_err().message().contains("--api-key"));
    }
}
