//! The form of everything that nodes keep in Redis and tell each other through it.

pub(crate) mod info;
pub(crate) mod line;
pub(crate) mod member;
pub(crate) mod record;
mod schema;
pub(crate) mod signal;
mod signal_schema;
pub(crate) mod top;
