//! RESP3, the wire protocol of Redis (redis.io, "Redis serialization protocol specification").

mod decode;
mod encode;

pub(crate) use self::decode::{Reply, decode};
pub(crate) use self::encode::{Command, command};
