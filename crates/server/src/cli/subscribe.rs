//! `trunkline subscribe`: follows channels as an EventSource does, and comes back where it was.

mod follow;
mod push;

use std::thread;

use clap::Args;
use trunkline_core::channel::ChannelName;

use self::follow::Follower;
use super::Failure;
use super::node_url::{NodeUrl, query_value};

/// The arguments of `subscribe`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: trunkline subscribe lobby
         trunkline subscribe --data --count 1 --token \"$(trunkline token --user ann)\" news:today")]
pub(crate) struct SubscribeArgs {
    /// The channels
    #[arg(required = true)]
    channel: Vec<String>,
    /// Print the data of publications only
    #[arg(long)]
    data: bool,
    /// End after so many publications
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// The node
    #[arg(long, env = "TRUNKLINE_URL", default_value = "http://127.0.0.1:8000")]
    url: NodeUrl,
    /// Connection token
    #[arg(long, env = "TRUNKLINE_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// Prints what the channels carry, one JSON object a line, until there is reason to end: `--count`,
/// ^C, or nobody who reads.
///
/// # Errors
/// The node cannot be reached to begin with, or refuses.
pub(crate) fn run(args: SubscribeArgs) -> Result<(), Failure> {
    let follower =
        Follower::new(args.url.endpoint(&path(&args.channel)?), args.token, args.data, args.count);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(Failure::trouble)?;
    // Reading blocks, so it happens beside; what it waits for at the end of the process is nobody's
    // loss.
    let (end, ended) = tokio::sync::oneshot::channel();
    thread::spawn(move || end.send(follower.follow()));
    runtime.block_on(async {
        tokio::select! {
            outcome = ended => outcome.unwrap_or(Ok(())),
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failure::trouble),
        }
    })
}

fn path(channels: &[String]) -> Result<String, Failure> {
    for channel in channels {
        ChannelName::parse(channel)
            .map_err(|error| Failure::trouble(format_args!("{channel}: {error}")))?;
        if channel.contains(',') {
            return Err(Failure::trouble(format_args!(
                "{channel}: a name with a comma cannot be listed in a URL"
            )));
        }
    }
    Ok(format!("/sse?channels={}", query_value(&channels.join(","))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_stand_in_the_url_as_names() {
        let path =
            |names: &[&str]| path(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        assert_eq!(path(&["a", "b:c#1"]).unwrap(), "/sse?channels=a,b:c%231");
        assert!(path(&["a", "user#1,2"]).is_err());
        assert!(path(&["no blanks"]).is_err());
    }
}
