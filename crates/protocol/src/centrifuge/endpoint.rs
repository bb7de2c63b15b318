//! `/connection/websocket`: the path that Centrifuge SDKs connect to.

use trunkline_core::codec::{Endpoint, OpenRequest, Opening, Refusal, Transport};

use crate::registry;

/// The endpoint of the Centrifuge SDKs. All they want is said in messages; the URL only chooses
/// the form: `format=protobuf` (or `cf_protocol=protobuf`), which the subprotocol
/// `centrifuge-protobuf` says too, and `cf_ws_frame_ping_pong=true` for WebSocket-level pings.
#[derive(Clone, Copy, Debug)]
pub struct Centrifuge;

const PATH: &str = "/connection/websocket";
const PROTOBUF: &str = "centrifuge-protobuf";
const JSON: &str = "centrifuge-json";

impl Endpoint for Centrifuge {
    fn matches(&self, path: &str) -> bool {
        path == PATH
    }

    fn transport(&self) -> Transport {
        Transport::WebSocket
    }

    fn subprotocols(&self) -> &'static [&'static str] {
        &[PROTOBUF, JSON]
    }

    fn open(&self, request: &OpenRequest<'_>) -> Result<Opening, Refusal> {
        let protobuf = match request.subprotocol {
            Some(chosen) => chosen == PROTOBUF,
            None => {
                ["format", "cf_protocol"].iter().any(|name| request.param(name) == Some("protobuf"))
            }
        };
        let frame_pings = request.param("cf_ws_frame_ping_pong") == Some("true");
        let codec = match (protobuf, frame_pings) {
            (false, false) => registry::CENTRIFUGE_JSON,
            (false, true) => registry::CENTRIFUGE_JSON_FRAME_PINGS,
            (true, false) => registry::CENTRIFUGE_PROTOBUF,
            (true, true) => registry::CENTRIFUGE_PROTOBUF_FRAME_PINGS,
        };
        Ok(Opening { codec, requests: Vec::new() })
    }
}
