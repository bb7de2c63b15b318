//! Methods that clients call and the node itself answers: `inbox.state` and `inbox.ack`. All others
//! are the application's.

use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use trunkline_core::application::{About, Application, Call, Calls, Headers, Objection, Response};
use trunkline_core::backend::Completion;
use trunkline_core::channel::ChannelName;
use trunkline_core::error::ClientError;
use trunkline_core::identity::UserId;
use trunkline_core::inbox::Ack;
use trunkline_node::Node;
use trunkline_node::inbox::InboxError;

use crate::error::ApiError;
use crate::fields::Fields;
use crate::inbox;

/// What the names of the node's own methods begin with.
const OWN: &str = "inbox.";

type Done = Completion<Result<Response, Objection>>;

/// The node's own methods, before the application's.
pub struct Methods {
    node: OnceLock<Weak<Node>>,
    application: Option<Arc<dyn Application>>,
}

impl Methods {
    /// Methods of a node that is told later, before those of the application.
    #[must_use]
    pub fn before(application: Option<Arc<dyn Application>>) -> Self {
        Self { node: OnceLock::new(), application }
    }

    /// From now on they are carried out by this node.
    pub fn serve(&self, node: &Arc<Node>) {
        let _ = self.node.set(Arc::downgrade(node)); // There is one already.
    }

    fn run(&self, user: &UserId, method: &str, data: &Bytes, done: Done) {
        let Some(node) = self.node.get().and_then(Weak::upgrade) else {
            return done(Err(Objection::Failed(ClientError::Unavailable)));
        };
        match Own::read(&node, user, method, data) {
            Err(error) => done(Err(error.into())),
            Ok(Own::State(channel, page)) => {
                let told = |outcome: Result<_, _>| done(answer(outcome, inbox::write_unread));
                node.unread(&channel, page, Box::new(told));
            }
            Ok(Own::Ack(channel, ack)) => {
                let told = |outcome: Result<_, _>| done(answer(outcome, inbox::write_state));
                node.acknowledge(&channel, ack, Box::new(told));
            }
        }
    }
}

/// A call of one of the node's methods.
enum Own {
    State(ChannelName, (u64, usize)),
    Ack(ChannelName, Ack),
}

impl Own {
    fn read(node: &Node, user: &UserId, method: &str, data: &[u8]) -> Result<Self, ApiError> {
        let text = match std::str::from_utf8(data) {
            Ok(text) if text.trim().is_empty() => "{}",
            Ok(text) => text,
            Err(_) => return Err(ApiError::bad_request("the argument is not UTF-8")),
        };
        let fields = Fields::parse(text)
            .map_err(|error| ApiError::bad_request(format!("the argument: {error}")))?;
        if user.is_anonymous() {
            return Err(ClientError::Unauthorized.into());
        }
        let channel = inbox::channel(node, user)?;
        match method {
            "inbox.state" => Ok(Self::State(channel, inbox::read_page(&fields)?)),
            "inbox.ack" => Ok(Self::Ack(channel, inbox::read_ack(&fields)?)),
            _ => Err(ClientError::MethodNotFound.into()),
        }
    }
}

fn answer<T>(
    outcome: Result<T, InboxError>,
    write: impl FnOnce(&T) -> Vec<u8>,
) -> Result<Response, Objection> {
    match outcome {
        Ok(found) => Ok(Response::Rpc(write(&found).into())),
        Err(InboxError::Backend(error)) => Err(Objection::Failed(error.into())),
        Err(error) => Err(ApiError::from(error).into()),
    }
}

impl Application for Methods {
    fn calls(&self) -> Calls {
        self.application.as_ref().map_or_else(Calls::default, |application| application.calls())
    }

    fn call(&self, about: About, headers: Headers, call: Call, done: Done) {
        match (&call, &self.application) {
            (Call::Rpc { method, data }, _) if method.starts_with(OWN) => {
                self.run(&about.user, method, data, done);
            }
            (_, Some(application)) => application.call(about, headers, call, done),
            (_, None) => done(Err(Objection::Failed(ClientError::NotAvailable))),
        }
    }
}
