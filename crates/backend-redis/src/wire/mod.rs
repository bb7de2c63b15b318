//! The form of everything that nodes keep in Redis and tell each other through it.

pub(crate) mod info;
pub(crate) mod line;
pub(crate) mod member;
pub(crate) mod record;
mod revoked;
mod schema;
mod signal;
mod signal_schema;
mod spent;
pub(crate) mod top;
