//! Asking the application who a client is: when it comes, and when it has logged in meanwhile.

use bytes::Bytes;

use crate::application::{Call, Objection, Response};
use crate::command::ConnectRequest;
use crate::error::{ClientError, CloseReason};
use crate::identity::{Identity, UserId};
use crate::reply::Reply;
use crate::revocation::Credential;
use crate::time::WallTime;

use super::consulting::{Renewer, refusal};
use super::later::Later;
use super::pace::pace_connect;
use super::revoking::since;
use super::{Effect, Origin, Phase, Session, Surroundings, Ticket, succeed};

/// A client of which is not known yet who it is.
#[derive(Debug)]
pub(super) struct Coming {
    pub(super) origin: Origin,
    pub(super) request: ConnectRequest<'static>,
    /// When that was asked.
    asked_at: WallTime,
    /// What was answered before had been taken back, and it is asked anew.
    anew: bool,
    /// What it asked for meanwhile.
    pub(super) later: Later,
}

impl Session {
    /// Asks who the client is. Until that is known it has no place anywhere.
    pub(super) fn ask_who(
        &mut self,
        origin: Origin,
        request: &ConnectRequest<'_>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let (request, later) = (request.clone().into_owned(), Later::default());
        self.consult(Ticket::Connect, who(&request, false), effects);
        let coming = Coming { origin, request, asked_at: around.wall, anew: false, later };
        self.phase = Phase::Coming(Box::new(coming));
    }

    /// Says who the connection is. Of an anonymous one the application may know by now.
    pub(super) fn login(&mut self, id: u32, around: &Surroundings<'_>, effects: &mut Vec<Effect>) {
        if !self.user.is_anonymous() {
            return succeed(id, Reply::Login(self.user.clone()), effects);
        }
        if !around.policy.calls.connect {
            return self.close(CloseReason::Unauthorized, effects);
        }
        if self.calls_too_much() {
            return self.fail(id, ClientError::TooManyRequests, effects);
        }
        // What was known of it before it logged in is of no use.
        let call = who(&ConnectRequest::default(), true);
        self.consult(Ticket::Login(id, around.wall), call, effects);
    }

    pub(super) fn identified(
        &mut self,
        answer: Result<Response, Objection>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let coming = match std::mem::replace(&mut self.phase, Phase::Waiting) {
            Phase::Coming(coming) => *coming,
            other => {
                self.phase = other;
                return;
            }
        };
        let objection = match answer {
            Ok(Response::Connect { mut identity, age_ms }) => {
                identity.credential = known_since(&identity.user, coming.asked_at, age_ms);
                if is_taken_back(&identity, around) {
                    return self.ask_who_anew(coming, around, effects);
                }
                let Coming { origin, request, later, .. } = coming;
                let claimed = request.claimed_user.as_deref();
                if identity.user.is_anonymous() && !around.policy.lets_anybody_in() {
                    return self.close(CloseReason::Unauthorized, effects);
                }
                if claimed.is_some_and(|user| user != identity.user.as_str()) {
                    return self.close(CloseReason::PermissionDenied, effects);
                }
                let renewer = match around.policy.calls.refresh {
                    true => Renewer::Application,
                    false => Renewer::Client,
                };
                self.let_in(*identity, renewer, origin, &request, around, effects);
                for (origin, request) in later {
                    if self.is_closed() {
                        return;
                    }
                    self.paced(origin, request, around, effects);
                }
                return;
            }
            answer => answer.err(),
        };
        self.not_let_in(coming.origin, objection, effects);
    }

    /// The application knew somebody, or was about to say so, when what they are allowed was taken
    /// back. Perhaps it knows better by now.
    fn ask_who_anew(
        &mut self,
        coming: Coming,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if coming.anew {
            return self.not_let_in(coming.origin, None, effects);
        }
        self.consult(Ticket::Connect, who(&coming.request, true), effects);
        let coming = Coming { asked_at: around.wall, anew: true, ..coming };
        self.phase = Phase::Coming(Box::new(coming));
    }

    fn not_let_in(
        &mut self,
        origin: Origin,
        objection: Option<Objection>,
        effects: &mut Vec<Effect>,
    ) {
        match (refusal(objection), origin) {
            (Err(reason), _) => self.close(reason, effects),
            (Ok(error), Origin::Command(id)) => {
                self.phase = Phase::Refused;
                self.fail(id, error, effects);
            }
            (Ok(ClientError::Application { temporary: false, .. }), _) => {
                self.close(CloseReason::Unauthorized, effects);
            }
            (Ok(_), _) => self.close(CloseReason::Unavailable, effects),
        }
    }

    pub(super) fn logged_in(
        &mut self,
        (id, asked_at): (u32, WallTime),
        answer: Result<Response, Objection>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match answer {
            Ok(Response::Connect { identity, .. }) if identity.user.is_anonymous() => {
                self.close(CloseReason::Unauthorized, effects);
            }
            Ok(Response::Connect { mut identity, age_ms }) => {
                identity.credential = known_since(&identity.user, asked_at, age_ms);
                if is_taken_back(&identity, around) {
                    return self.object(id, None, effects);
                }
                // A second message may have asked as well.
                if self.user.is_anonymous() {
                    if let Err(error) = pace_connect(&identity.user, around) {
                        return self.fail(id, error, effects);
                    }
                    self.bind(*identity, around, effects);
                }
                // Of the channels it brings there may be more than the connection may have.
                if self.is_closed() {
                    return;
                }
                succeed(id, Reply::Login(self.user.clone()), effects);
            }
            Err(Objection::Error { temporary: false, .. }) => {
                self.close(CloseReason::Unauthorized, effects);
            }
            answer => self.object(id, answer.err(), effects),
        }
    }

    /// The anonymous connection becomes its user's. Others see it go and the user come.
    fn bind(&mut self, identity: Identity, around: &Surroundings<'_>, effects: &mut Vec<Effect>) {
        let live: Vec<usize> =
            (0..self.subscriptions.len()).filter(|&at| self.subscriptions[at].is_live()).collect();
        let there = |session: &Self, at: usize| {
            let subscription = &session.subscriptions[at];
            (subscription.channel.clone(), session.info(subscription))
        };
        let as_nobody: Vec<_> = live.iter().map(|&at| there(self, at)).collect();
        let Identity { user, info, expires_at, credential, meta, channels, .. } = identity;
        self.user = user;
        let extra = self.extra.get_or_insert_default();
        extra.meta = meta;
        extra.credential = credential;
        // What others were shown was nobody's.
        extra.conn_info = None;
        if around.policy.calls.refresh {
            extra.renewer = Renewer::Application;
        }
        self.go_on_until(expires_at, info, around);
        effects.push(Effect::Bound { user: self.user.clone() });
        let exits = as_nobody.into_iter();
        effects.extend(exits.map(|(channel, info)| Effect::Exit { channel, info }));
        let enters = live.into_iter().map(|at| there(self, at));
        effects.extend(enters.map(|(channel, info)| Effect::Enter { channel, info }));
        let nowhere = ConnectRequest::default();
        self.subscribe_as_told(channels, &nowhere, Origin::Server, around, effects);
    }
}

/// The question who a client is; anew, where what was answered before is of no use.
fn who(request: &ConnectRequest<'_>, anew: bool) -> Call {
    let data = (!request.data.is_empty()).then(|| Bytes::copy_from_slice(&request.data));
    Call::Connect { name: (*request.name).into(), version: (*request.version).into(), data, anew }
}

/// What somebody is allowed by whom the application knows, if it was asked at this time and has known
/// it for so long.
fn known_since(user: &UserId, asked_at: WallTime, age_ms: u64) -> Option<Credential> {
    since(user, WallTime(asked_at.0.saturating_sub(age_ms)))
}

/// Whether what somebody is allowed was taken back, or may have been.
fn is_taken_back(identity: &Identity, around: &Surroundings<'_>) -> bool {
    let credential = identity.credential.as_ref();
    credential.is_some_and(|shown| (around.objects)(&identity.user, shown).is_some())
}
