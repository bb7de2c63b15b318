//! Everything that can be decided without I/O, a clock or randomness.
//!
//! The core is told what happened and what time it is, and returns what to do. It holds the
//! vocabulary of the product as types: [`channel`] names, [`namespace`]s, [`publication`]s with
//! [`position`]s, the retained [`stream`] of a channel, [`presence`], the [`hub`] of a shard and
//! the [`session`] of a connection. Its ports are small traits: [`backend::Backend`] (what carries
//! and keeps publications), [`note::Notes`] (what is to be done later, and once), [`roster::Roster`] (who is where), [`codec::Codec`] (how one family of
//! clients talks), [`gate::Gate`] (who may come in), [`application::Application`] (who knows
//! more about them) and [`observer::Observer`] (who is told what they do).
//!
//! Reading order: `channel`, `namespace`, `publication`, `command`, `session`, `hub`.

pub mod application;
pub mod backend;
pub mod channel;
pub mod codec;
pub mod command;
pub mod control;
pub mod delta;
pub mod error;
pub mod gap;
pub mod gate;
pub mod history;
pub mod hub;
pub mod identity;
pub mod inbox;
pub mod limits;
pub mod line;
pub mod namespace;
pub mod note;
pub mod notebook;
pub mod observer;
pub mod position;
pub mod presence;
pub mod publication;
pub mod rate;
pub mod reply;
pub mod revocation;
pub mod roster;
pub mod route;
pub mod schedule;
pub mod session;
pub mod signal;
pub mod stream;
pub mod survey;
pub mod time;
