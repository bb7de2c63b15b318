//! All codecs and endpoints there are.

use std::sync::Arc;

use trunkline_core::codec::{Codec, CodecId, Endpoint};

use crate::centrifuge::{Centrifuge, JsonCodec, Pings, ProtobufCodec};
use crate::plain::{EventStream, EventStreamCodec, PlainCodec, PlainWebSocket};
use crate::raw::RawCodec;
use crate::rooms::{Rooms, RoomsCodec};

/// The Centrifuge protocol in JSON.
pub const CENTRIFUGE_JSON: CodecId = CodecId(0);
/// The same, kept alive by WebSocket frames.
pub const CENTRIFUGE_JSON_FRAME_PINGS: CodecId = CodecId(1);
/// The Centrifuge protocol in Protobuf.
pub const CENTRIFUGE_PROTOBUF: CodecId = CodecId(2);
/// The same, kept alive by WebSocket frames.
pub const CENTRIFUGE_PROTOBUF_FRAME_PINGS: CodecId = CodecId(3);
/// Plain JSON, one object a message.
pub const PLAIN: CodecId = CodecId(4);
/// Plain JSON as events of one channel, which carry positions.
pub const EVENT_STREAM: CodecId = CodecId(5);
/// Plain JSON as events of several channels.
pub const EVENT_STREAM_OF_SEVERAL: CodecId = CodecId(6);
/// The format of the rooms endpoint.
pub const ROOMS: CodecId = CodecId(7);

/// Payloads alone.
pub const RAW: CodecId = CodecId(8);

/// Every codec, in the place of its [`CodecId`].
#[must_use]
pub fn codecs() -> Vec<Arc<dyn Codec>> {
    vec![
        Arc::new(JsonCodec { pings: Pings::Messages }),
        Arc::new(JsonCodec { pings: Pings::Frames }),
        Arc::new(ProtobufCodec { pings: Pings::Messages }),
        Arc::new(ProtobufCodec { pings: Pings::Frames }),
        Arc::new(PlainCodec),
        Arc::new(EventStreamCodec { event_ids: true }),
        Arc::new(EventStreamCodec { event_ids: false }),
        Arc::new(RoomsCodec),
        Arc::new(RawCodec),
    ]
}

/// Which endpoints are open beyond the ordinary ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointOptions {
    /// The rooms endpoint, whose path says who the user is.
    pub rooms: bool,
}

/// The endpoints, of which at most one matches any path.
#[must_use]
pub fn endpoints(options: EndpointOptions) -> Vec<Arc<dyn Endpoint>> {
    let mut endpoints: Vec<Arc<dyn Endpoint>> =
        vec![Arc::new(Centrifuge), Arc::new(PlainWebSocket), Arc::new(EventStream)];
    if options.rooms {
        endpoints.push(Arc::new(Rooms));
    }
    endpoints
}
