//! `/api/v1/ws/{room_id}/{user_id}`: chat rooms in a format of their own.
//!
//! Text in; out comes `{"user_id":1,"room_id":"r","message":"…"}` to every member of the room, the
//! sender included, and in the same shape who connects and who disconnects. Room `r` is channel
//! `rooms:r`, which clients of every protocol share.

mod codec;
mod endpoint;

pub use self::codec::RoomsCodec;
pub use self::endpoint::Rooms;

/// What a room's id is preceded by in the name of its channel.
const CHANNEL_PREFIX: &str = "rooms:";
