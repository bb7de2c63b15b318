//! What measures. Linux only: it lives on epoll, `/proc` and CPU affinity.
//!
//! Reading order: `script` and `learn` (which bytes are sent), `floor` (who sends them for nothing),
//! `connection`, `hearing` and `generator` (who asks for them), `closed_loop` and `open_loop` (how
//! fast), `scenario` (what is measured), `report` and `targets` (what it means). Durability has its
//! own: `publishers` (who asks for it, without a server), `mirror` (what the disk does for nothing),
//! `pipelines` and `returning` (who asks through sockets); and so have nodes that share a Redis:
//! `redis` (who starts it), `bare` and `bare_publisher` (what it takes from others).

mod bare;
mod bare_publisher;
mod client;
mod closed_loop;
mod command;
mod connection;
mod deaf;
mod disk;
mod floor;
mod frame;
mod generator;
mod hearing;
mod histogram;
mod interrupt;
mod launch;
mod learn;
mod ledger;
mod load;
mod mirror;
mod open_loop;
mod pin;
mod pipelines;
mod process;
mod publishers;
mod redis;
mod report;
mod returning;
mod scenario;
mod script;
mod setup;
mod statistics;
mod targets;
mod upgrade;
mod usage;
mod whole;

pub(crate) use scenario::run;
