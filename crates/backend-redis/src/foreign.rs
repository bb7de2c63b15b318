//! What others say in Redis with `PUBLISH`, under names that are none of ours.
//!
//! It is kept nowhere: what is said while the connection is lost is lost. Within a cluster it is told
//! everywhere, so that one server is enough; of several other servers each is listened to.

use std::sync::{Arc, Weak};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use crate::backend::RedisBackend;
use crate::fleet::Fleet;
use crate::keys::Partition;
use crate::limits::{BUFFER_KEPT, PROBE_AFTER, PROBE_DEADLINE};
use crate::link::{Link, Pause, Trouble, dial_master};
use crate::resp::{Reply, command, decode};
use crate::seat::Seat;

/// Told what was said, and under which name. Must not block.
pub type Hearer = Arc<dyn Fn(&str, &Bytes) + Send + Sync>;

impl RedisBackend {
    /// Listens to these names, for as long as the backend lives.
    pub fn hear_foreign(&self, names: Vec<String>, told: &Hearer) {
        let names: Arc<[String]> = names.into();
        // Of `n` servers that are no cluster the first `n` partitions have one each.
        for partition in (0..self.servers).map(Partition) {
            let (fleet, names, told) =
                (Arc::downgrade(&self.fleet), Arc::clone(&names), Arc::clone(told));
            self.thread.handle.spawn(keep_hearing(fleet, partition, names, told));
        }
    }
}

async fn keep_hearing(
    fleet: Weak<Fleet>,
    partition: Partition,
    names: Arc<[String]>,
    told: Hearer,
) {
    let mut pause = Pause::new();
    loop {
        let Some(server) = fleet.upgrade().map(|fleet| fleet.server(partition)) else { return };
        let seat = server.seat().cloned();
        drop(server);
        // Of a cluster that was not reached yet no server is known.
        if let Some(seat) = seat {
            let trouble = tokio::select! {
                trouble = hear(&seat, &names, &told, &mut pause) => trouble,
                trouble = seat.left() => trouble,
            };
            tracing::debug!(%trouble, "what others say in Redis is not heard");
            seat.suspect();
        }
        sleep(pause.take()).await;
    }
}

async fn hear(seat: &Seat, names: &[String], told: &Hearer, pause: &mut Pause) -> Trouble {
    match listen(seat, names, told, pause).await {
        Ok(never) => match never {},
        Err(trouble) => trouble,
    }
}

async fn listen(
    seat: &Seat,
    names: &[String],
    told: &Hearer,
    pause: &mut Pause,
) -> Result<std::convert::Infallible, Trouble> {
    let Link { mut wire, mut buffer } = dial_master(&seat.find().await?, &seat.access).await?;
    let subscribe = names.iter().fold(command("SUBSCRIBE"), crate::resp::Command::arg);
    wire.write_all(&subscribe.finish()).await.map_err(Trouble::Lost)?;
    loop {
        let read = match timeout(PROBE_AFTER, wire.read_buf(&mut buffer)).await {
            Ok(read) => read,
            // So long a silence may be that of a connection that is gone.
            Err(_) => {
                wire.write_all(&command("PING").finish()).await.map_err(Trouble::Lost)?;
                let answer = timeout(PROBE_DEADLINE, wire.read_buf(&mut buffer)).await;
                answer.map_err(|_| Trouble::Deaf)?
            }
        };
        if read.map_err(Trouble::Lost)? == 0 {
            return Err(Trouble::Closed);
        }
        while let Some((reply, length)) = decode(&buffer).map_err(|_| Trouble::Malformed)? {
            buffer.advance(length);
            take_in(&reply, told, pause)?;
        }
        if buffer.is_empty() && buffer.capacity() > BUFFER_KEPT {
            buffer = BytesMut::new();
        }
    }
}

fn take_in(reply: &Reply, told: &Hearer, pause: &mut Pause) -> Result<(), Trouble> {
    let parts = match reply {
        Reply::Push(parts) => parts,
        Reply::Error(_) => return Err(Trouble::of_reply(reply)),
        _ => return Ok(()),
    };
    let text = |at: usize| parts.get(at).and_then(Reply::text);
    match (text(0), text(1), parts.get(2).and_then(Reply::bytes)) {
        (Some("message"), Some(name), Some(said)) => told(name, said),
        (Some("subscribe"), ..) => pause.reset(),
        _ => {}
    }
    Ok(())
}
