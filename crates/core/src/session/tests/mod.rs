//! Sessions as data in, data out: a line of script in, lines about effects out.

mod ask;
mod behind;
mod broker;
mod connect;
mod connecting;
mod consulting;
mod control;
mod expiry;
mod heartbeat;
mod inbox;
mod pace;
mod permission;
mod random;
mod recovery;
mod render;
mod revoking;
mod script;
mod seats;
mod subscribe;
mod surroundings;
mod url;
mod witness;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::channel::ChannelName;
use crate::gate::TokenError;
use crate::identity::ClientId;
use crate::limits::Limits;
use crate::namespace::Namespaces;
use crate::rate::{Doing, Rates};
use crate::revocation::Revocations;
use crate::time::{Tick, WallTime};

use super::{Abilities, Ask, Effect, Input, Policy, Seat, Session, Surroundings, Ticket};

use self::surroundings::{START, TokensAsWords};
use self::witness::Witness;

/// The connection every scene is about.
const CLIENT: ClientId = ClientId(7);

/// Seats there are in every scene, in all channels together.
const SEATS: usize = 2;

/// A question that was not answered yet.
struct Asked {
    ticket: Ticket,
    about: Subject,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Publish,
    History,
    Inbox,
    Hear,
    Presence,
    PresenceStats,
    Call,
}

fn take_seat(seats: &Arc<AtomicUsize>) -> Option<Seat> {
    let seats = Arc::clone(seats);
    let less = |left: usize| left.checked_sub(1);
    seats.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok()?;
    Some(Seat::new(move || {
        seats.fetch_add(1, Ordering::Relaxed);
    }))
}

/// One connection, what surrounds it, and the questions it has asked.
struct Scene {
    session: Session,
    policy: Policy,
    namespaces: Namespaces,
    limits: Limits,
    now: Tick,
    wall: WallTime,
    asked: Vec<Asked>,
    witness: Witness,
    /// How far it was given streams, as `channel=epoch@offset`; elsewhere it is `e@9`.
    known: Vec<String>,
    /// Whether a channel is heard only once the broker says so.
    over_a_broker: bool,
    per_connection: Rates,
    /// What its user and its address are refused, and for how many milliseconds.
    held_back: Option<(Doing, u64)>,
    /// What was taken back.
    revoked: Revocations,
    /// Seats that are left.
    seats: Arc<AtomicUsize>,
    /// Seats that others have.
    others: usize,
}

impl Scene {
    /// A connection of a client that must show a token, can carry bytes, and answers pings.
    fn new() -> Self {
        Self::with(
            Limits::default(),
            Abilities { binary: true, pong: true, ..Abilities::default() },
        )
    }

    fn with(limits: Limits, abilities: Abilities) -> Self {
        let now = Tick(0);
        Self {
            session: Session::new(CLIENT, abilities, now, &limits),
            policy: Policy::default(),
            namespaces: surroundings::namespaces(),
            limits,
            now,
            wall: START,
            asked: Vec::new(),
            witness: Witness::default(),
            known: Vec::new(),
            over_a_broker: false,
            per_connection: Rates::default(),
            held_back: None,
            revoked: Revocations::default(),
            seats: Arc::new(AtomicUsize::new(SEATS)),
            others: 0,
        }
    }

    fn anonymous() -> Self {
        let policy = Policy { anonymous: true, ..Policy::default() };
        Self { policy, ..Self::new() }
    }

    fn insecure() -> Self {
        let policy = Policy { insecure: true, ..Policy::default() };
        Self { policy, ..Self::new() }
    }

    /// The same scene after these lines, whatever they led to.
    fn after(mut self, lines: &[&str]) -> Self {
        for line in lines {
            self.feed(line);
        }
        self
    }

    /// A connection of ann, who was let in.
    fn of_ann() -> Self {
        Self::new().after(&["1 connect token=user/ann"])
    }

    /// Plays a line and compares what follows from it.
    #[track_caller]
    fn check(&mut self, line: &str, expected: &[&str]) {
        assert_eq!(self.feed(line), expected, "after {line:?}");
    }

    /// Plays a line (see [`script`]) and returns what follows from it.
    fn feed(&mut self, line: &str) -> Vec<String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let input = match verb {
            "url" => Input::Opened(script::request(rest)),
            "answer" => {
                let Asked { ticket, about } = self.asked.remove(0);
                Input::Answer(ticket, script::answer(about, rest))
            }
            "last" => {
                let Asked { ticket, about } = self.asked.pop().expect("something was asked");
                Input::Answer(ticket, script::answer(about, rest))
            }
            "control" => Input::Control(script::action(rest)),
            "wait" => {
                self.pass(rest.parse().expect("milliseconds"));
                Input::Timer
            }
            "gone" => Input::Gone,
            "missed" => script::missed(rest),
            "crowded" => {
                self.known =
                    rest.split(' ').filter(|words| !words.is_empty()).map(str::to_owned).collect();
                Input::Crowded
            }
            "drained" => Input::Drained,
            id => Input::Command(script::command(id, rest)),
        };
        self.tell(input)
    }

    /// Lets time pass without telling the session.
    fn pass(&mut self, millis: u64) {
        self.now = self.now.after(millis);
        self.wall = WallTime(self.wall.0 + millis);
    }

    fn tell(&mut self, input: Input<'_>) -> Vec<String> {
        self.witness.hears(&input);
        let around = Surroundings {
            gate: &TokensAsWords,
            policy: self.policy,
            namespaces: &self.namespaces,
            limits: &self.limits,
            names: &|_| None,
            positions: &|channel| {
                let at = |known: &String| {
                    Some(script::position(known.strip_prefix(channel.as_str())?.strip_prefix('=')?))
                };
                Some(self.known.iter().find_map(at).unwrap_or_else(|| script::position("e@9")))
            },
            hears_at_once: !self.over_a_broker,
            per_connection: &self.per_connection,
            admit: &|doing, _| match self.held_back {
                Some((held, retry_ms)) if held == doing => Err(retry_ms),
                _ => Ok(()),
            },
            objects: &|user, credential| {
                let concerned = self.revoked.concern(user, credential, self.wall);
                concerned.then_some(TokenError::Invalid)
            },
            seat: &|_, _| take_seat(&self.seats),
            now: self.now,
            wall: self.wall,
        };
        let mut effects = Vec::new();
        self.session.handle(input, &around, &mut effects);
        self.note(effects)
    }

    fn seats_left(&self) -> usize {
        self.seats.load(Ordering::Relaxed)
    }

    /// Every subscription that needs a seat has one, and nobody else has.
    #[track_caller]
    fn agrees_on_seats(&self) {
        let counted = |channel: &&ChannelName| {
            self.namespaces.options(channel).is_some_and(|options| options.has_seats())
        };
        let here = self.session.channels().filter(counted).count();
        assert_eq!(self.seats_left() + here + self.others, SEATS, "of all seats");
    }

    fn note(&mut self, effects: Vec<Effect>) -> Vec<String> {
        for effect in &effects {
            self.witness.sees(effect);
        }
        self.witness.agrees_with(&self.session);
        self.agrees_on_seats();
        let lines = effects.iter().map(render::effect).collect();
        for effect in effects {
            if let Effect::Ask { ticket, ask } = effect {
                let about = match ask {
                    Ask::Publish(_) => Subject::Publish,
                    Ask::History { .. } => Subject::History,
                    Ask::Inbox { .. } => Subject::Inbox,
                    Ask::Hear(_) => Subject::Hear,
                    Ask::Presence(_) => Subject::Presence,
                    Ask::PresenceStats(_) => Subject::PresenceStats,
                    Ask::Call(..) => Subject::Call,
                };
                self.asked.push(Asked { ticket, about });
            }
        }
        lines
    }
}
