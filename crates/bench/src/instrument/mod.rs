//! What measures. Linux only: it lives on epoll, `/proc` and CPU affinity.
//!
//! Reading order: `script` and `learn` (which bytes are sent), `floor` (who sends them for nothing),
//! `connection`, `hearing` and `generator` (who asks for them), `closed_loop` and `open_loop` (how
//! fast), `scenario` (what is measured), `report` and `targets` (what it means).

mod closed_loop;
mod command;
mod connection;
mod deaf;
mod floor;
mod frame;
mod generator;
mod hearing;
mod histogram;
mod interrupt;
mod launch;
mod learn;
mod load;
mod open_loop;
mod pin;
mod process;
mod report;
mod scenario;
mod script;
mod statistics;
mod targets;
mod upgrade;
mod usage;

pub(crate) use scenario::run;
