//! Where one server of ours is at the moment: the address of a single one, or whoever sentinels call
//! the master.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, watch};

use crate::limits::{TOPOLOGY_EVERY, TOPOLOGY_PAUSE};
use crate::link::{Access, Trouble, dial};
use crate::resp::{Reply, command};
use crate::url::Address;

/// How a server is found.
pub(crate) enum Finding {
    /// It is always here.
    Fixed(Address),
    /// These know.
    Sentinels { sentinels: Mutex<Vec<Address>>, master: Box<str>, access: Access },
}

/// Where a server is.
pub(crate) struct Seat {
    finding: Finding,
    pub(crate) access: Access,
    /// The address it was found at last; those who use another one leave it.
    at: watch::Sender<Option<Address>>,
    /// Somebody doubts that the server is still there.
    doubt: Notify,
}

impl Seat {
    pub(crate) fn new(finding: Finding, access: Access) -> Self {
        Self { finding, access, at: watch::Sender::new(None), doubt: Notify::new() }
    }

    /// Where the server is.
    pub(crate) async fn find(&self) -> Result<Address, Trouble> {
        let address = match &self.finding {
            Finding::Fixed(address) => address.clone(),
            Finding::Sentinels { sentinels, master, access } => {
                ask_sentinels(sentinels, master, access).await?
            }
        };
        self.at.send_if_modified(|at| {
            let moved = at.as_ref() != Some(&address);
            *at = Some(address.clone());
            moved
        });
        Ok(address)
    }

    /// The server may be elsewhere by now.
    pub(crate) fn suspect(&self) {
        self.doubt.notify_one();
    }

    /// Returns when the server is elsewhere than it was when this was called.
    pub(crate) async fn left(&self) -> Trouble {
        let mut at = self.at.subscribe();
        let here = at.borrow_and_update().clone();
        loop {
            if at.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            if *at.borrow_and_update() != here {
                return Trouble::Moved;
            }
        }
    }

    /// Looks again and again where the server is.
    pub(crate) async fn watch(&self) {
        if matches!(self.finding, Finding::Fixed(_)) {
            return;
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(TOPOLOGY_EVERY) => {}
                () = self.doubt.notified() => tokio::time::sleep(TOPOLOGY_PAUSE).await,
            }
            // Whoever needs the answer asks for himself, and says what is wrong.
            let _ = self.find().await;
        }
    }
}

async fn ask_sentinels(
    sentinels: &Mutex<Vec<Address>>,
    master: &str,
    access: &Access,
) -> Result<Address, Trouble> {
    let all = sentinels.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut trouble = Trouble::NoMaster(master.into());
    for sentinel in &all {
        match ask_sentinel(sentinel, master, access).await {
            Ok(Some(address)) => {
                // The one that answered is asked first from now on.
                let mut sentinels = sentinels.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(at) = sentinels.iter().position(|known| known == sentinel) {
                    sentinels.swap(0, at);
                }
                return Ok(address);
            }
            Ok(None) => {}
            Err(error) => trouble = error,
        }
    }
    Err(trouble)
}

async fn ask_sentinel(
    sentinel: &Address,
    master: &str,
    access: &Access,
) -> Result<Option<Address>, Trouble> {
    let mut link = dial(sentinel, access).await?;
    let ask = command("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let answers = link.exchange(vec![ask]).await?;
    match answers.into_iter().next() {
        Some(Reply::List(parts)) => {
            let host = parts.first().and_then(Reply::text);
            let port = parts.get(1).and_then(Reply::number).and_then(|port| port.try_into().ok());
            Ok(host.zip(port).map(|(host, port)| Address { host: host.into(), port }))
        }
        Some(error @ Reply::Error(_)) => Err(Trouble::of_reply(&error)),
        _ => Ok(None),
    }
}
