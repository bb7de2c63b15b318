//! Events from other threads.

use trunkline_core::control::{Action, Control};
use trunkline_core::error::CloseReason;
use trunkline_core::hub::ConnectionKey;
use trunkline_core::revocation::{Revocation, Subject};
use trunkline_core::session::Input;
use trunkline_core::signal::ConnectionReport;
use trunkline_node::event::Event;
use trunkline_node::survey::ConnectionSurvey;
use trunkline_telemetry::{Label, Protocol};

use crate::connection::Stage;
use crate::shard::{Shard, State};

impl Shard {
    /// Takes one event.
    pub(crate) fn receive(&mut self, event: Event) {
        match event {
            Event::Deliver { channel, message } => self.deliver(&channel, &message),
            Event::Doubt { channel } => self.doubt(&channel),
            Event::Answer { connection, client, ticket, answer } => {
                let open = self.connections.get_mut(connection as usize).and_then(|c| c.open());
                if open.is_some_and(|open| open.session.client() == client) {
                    self.tell(connection, Input::Answer(ticket, answer));
                }
            }
            Event::Control(control) => self.control(&control),
            Event::Revoked(revocation) => self.revoke(&revocation),
            Event::Survey(survey) => {
                survey.report(self.hub.channels().map(|l| (l.channel(), l.len())));
            }
            Event::Connections(survey) => self.report_connections(&survey),
            Event::Command { client, data } => {
                if let Some(&key) = self.clients.get(&client) {
                    self.take_message(key, &data);
                }
            }
            Event::Drain { spread_ms } => self.drain(spread_ms),
            Event::Stop => self.stop(),
        }
    }

    fn control(&mut self, control: &Control) {
        let concerned: Vec<ConnectionKey> = if control.target.user.is_anonymous() {
            let anonymous = |(at, connection): (usize, &crate::connection::Connection)| {
                let Stage::Open(open) = &connection.stage else { return None };
                let session = &open.session;
                let meant = session.is_connected() && session.user().is_anonymous();
                meant.then(|| ConnectionKey::try_from(at).unwrap_or(ConnectionKey::MAX))
            };
            self.connections.iter().filter_map(anonymous).collect()
        } else {
            self.users.get(&control.target.user).map(|keys| keys.to_vec()).unwrap_or_default()
        };
        for key in concerned {
            let Some(open) = self.connections[key as usize].open() else { continue };
            if control.target.includes(open.session.client()) {
                self.tell(key, Input::Control(control.action.clone()));
            }
        }
    }

    /// Tells those whom a revocation may concern.
    fn revoke(&mut self, revocation: &Revocation) {
        let told: Vec<ConnectionKey> = match &revocation.subject {
            Subject::User(user) => {
                self.users.get(user).map(|keys| keys.to_vec()).unwrap_or_default()
            }
            Subject::Token(_) | Subject::Everybody => {
                let keys = self.connections.iter();
                keys.filter_map(|(at, _)| ConnectionKey::try_from(at).ok()).collect()
            }
        };
        for key in told {
            self.tell(key, Input::Revoked(revocation));
        }
    }

    /// Says which connections a user has here.
    fn report_connections(&self, survey: &ConnectionSurvey) {
        let keys = self.users.get(survey.user()).map_or(&[][..], |keys| keys);
        let report = |&key: &ConnectionKey| {
            let Stage::Open(open) = &self.connections.get(key as usize)?.stage else { return None };
            let label = self.settings.labels[usize::from(open.variant.codec.0)];
            Some(ConnectionReport {
                client: open.session.client(),
                protocol: Protocol::VALUES[label.index()].into(),
                channels: open.session.channels().cloned().collect(),
            })
        };
        survey.report(keys.iter().filter_map(report));
    }

    /// Takes no more connections, and sends those there are away one after the other.
    fn drain(&mut self, spread_ms: u64) {
        if self.state == State::Stopping {
            return;
        }
        self.state = State::Draining;
        for mut listening in self.listeners.drain(..) {
            // The listener is closed next, which ends its registration in any case.
            let _ = self.poll.registry().deregister(&mut listening.acceptor);
        }
        let keys: Vec<usize> = self.connections.iter().map(|(at, _)| at).collect();
        let all = keys.len().max(1) as u64;
        for (nth, at) in keys.into_iter().enumerate() {
            let at_ms = spread_ms.saturating_mul(nth as u64) / all;
            self.leaving
                .push_back((self.now.after(at_ms), ConnectionKey::try_from(at).unwrap_or(0)));
        }
        self.send_away();
    }

    /// Sends away whose time to leave has come.
    pub(crate) fn send_away(&mut self) {
        while let Some(&(when, key)) = self.leaving.front() {
            if when > self.now {
                break;
            }
            self.leaving.pop_front();
            self.dismiss(key);
        }
    }

    fn dismiss(&mut self, key: ConnectionKey) {
        match self.connections.get(key as usize).map(|connection| &connection.stage) {
            Some(Stage::Open(_)) => {
                let action = Action::Disconnect(CloseReason::Shutdown);
                self.tell(key, Input::Control(action));
            }
            Some(Stage::Head(_)) => self.remove(key),
            Some(Stage::Closing { .. }) | None => {}
        }
    }

    fn stop(&mut self) {
        if self.state == State::Serving {
            self.drain(0);
        }
        self.state = State::Stopping;
        let keys: Vec<usize> = self.connections.iter().map(|(at, _)| at).collect();
        for at in keys {
            let key = ConnectionKey::try_from(at).unwrap_or(0);
            self.dismiss(key);
        }
        self.write_all();
        let left: Vec<usize> = self.connections.iter().map(|(at, _)| at).collect();
        for at in left {
            self.remove(ConnectionKey::try_from(at).unwrap_or(0));
        }
    }
}
