//! One connection to one server: how it is made, and what goes wrong with it.

mod dial;
mod pause;
pub(crate) mod tls;
mod trouble;

pub(crate) use self::dial::{Access, Link, Wire, dial, dial_master};
pub(crate) use self::pause::{Pause, looking};
pub(crate) use self::trouble::Trouble;
