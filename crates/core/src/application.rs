//! The port to the application: what it is asked about clients, and what it answers.
//!
//! Calls have the shape of the Centrifuge protocol's proxy calls. Who asks them how, and which of
//! them there are, is not known here.

use std::sync::Arc;

use bytes::Bytes;

use crate::backend::Completion;
use crate::channel::ChannelName;
use crate::error::ClientError;
use crate::identity::{ClientId, Identity, UserId};
use crate::time::WallTime;

/// What an application answers, and so is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Who a client without a token is.
    pub connect: bool,
    /// Whether a client that came without a token may go on.
    pub refresh: bool,
    /// Whether a client may subscribe; in namespaces that want it.
    pub subscribe: bool,
    /// Whether it may publish, and what; in namespaces that want it.
    pub publish: bool,
    /// Whether a subscription that it has allowed may go on.
    pub sub_refresh: bool,
    /// Methods of its own.
    pub rpc: bool,
}

/// About whom the application is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The connection.
    pub client: ClientId,
    /// Its user, as far as known.
    pub user: UserId,
    /// It carries payloads that are not JSON.
    pub binary: bool,
    /// It is an event stream, on which clients say nothing.
    pub one_way: bool,
    /// What the application said of the connection, for itself.
    pub meta: Option<Bytes>,
}

/// A question to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Who is it?
    Connect {
        /// What kind of client it says it is.
        name: Box<str>,
        /// Its version.
        version: Box<str>,
        /// What it says beside.
        data: Option<Bytes>,
        /// What was answered to the same question before is of no use.
        anew: bool,
    },
    /// May it go on?
    Refresh,
    /// May it subscribe?
    Subscribe {
        /// To what.
        channel: ChannelName,
    },
    /// May it publish?
    Publish {
        /// Into what.
        channel: ChannelName,
        /// What.
        data: Bytes,
    },
    /// May its subscription go on?
    SubRefresh {
        /// To what.
        channel: ChannelName,
    },
    /// What does the method answer?
    Rpc {
        /// Its name.
        method: Box<str>,
        /// Its argument.
        data: Bytes,
    },
}

/// How long something may go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// Not at all.
    pub expired: bool,
    /// Until when; `None` for as long as it likes.
    pub expires_at: Option<WallTime>,
    /// Shown to others from now on; `None` leaves what is known.
    pub info: Option<Bytes>,
}

impl Renewal {
    /// Whether nothing goes on, at a time.
    #[must_use]
    pub fn is_over(&self, now: WallTime) -> bool {
        self.expired || self.expires_at.is_some_and(|then| then <= now)
    }
}

/// That a client may subscribe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// Shown to others as `chan_info`.
    pub info: Option<Bytes>,
    /// Handed to the client.
    pub data: Option<Bytes>,
    /// Until when; `None` for as long as it likes.
    pub expires_at: Option<WallTime>,
}

/// That a client may publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// What is published instead.
    pub data: Option<Bytes>,
    /// Whether that is JSON on one line: other bytes have no place in channels that promise JSON.
    pub json: bool,
    /// It leaves no trace in the stream.
    pub skip_history: bool,
}

/// What the application answers when it agrees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To [`Call::Connect`].
    Connect {
        /// Who it is.
        identity: Box<Identity>,
        /// For how long that has been known, in milliseconds, if the application was not asked this
        /// time.
        age_ms: u64,
    },
    /// To [`Call::Refresh`] and [`Call::SubRefresh`].
    Renewal(Renewal),
    /// To [`Call::Subscribe`].
    Subscribe(Permission),
    /// To [`Call::Publish`].
    Publish(Approval),
    /// To [`Call::Rpc`]: what it answers; nothing if empty.
    Rpc(Bytes),
}

/// What the application answers when it does not, or why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// Not so, with its own code (400 to 1999) and words.
    Error {
        /// The code.
        code: u32,
        /// The words.
        message: Box<str>,
        /// Whether trying again may help.
        temporary: bool,
    },
    /// The connection is to end, with its own code (4000 to 4999) and words.
    Disconnect {
        /// The code.
        code: u16,
        /// The words.
        reason: Box<str>,
    },
    /// The method is one of the node's own, and fails for this.
    Failed(ClientError),
    /// It does not answer, or nonsense: trying again may help.
    Unavailable,
}

/// Header fields of the request that opened a connection, as far as the application wants to see
/// them: names in small letters, and values.
pub type Headers = Arc<[(Box<str>, Box<str>)]>;

/// Who knows more about clients than tokens say.
pub trait Application: Send + Sync {
    /// What it answers.
    fn calls(&self) -> Calls;

    /// Asks it.
    fn call(
        &self,
        about: About,
        headers: Headers,
        call: Call,
        done: Completion<Result<Response, Objection>>,
    );
}
