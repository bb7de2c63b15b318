//! What the URL of an SDK decides.

use std::borrow::Cow;

use trunkline_core::codec::{CodecId, Endpoint, Framing, Heartbeat, OpenRequest};
use trunkline_protocol::centrifuge::Centrifuge;
use trunkline_protocol::registry::{EndpointOptions, codecs, endpoints};

use crate::transcript::codec;

fn chosen(subprotocol: Option<&'static str>, parameter: (&str, &str)) -> (Framing, Heartbeat) {
    let (key, value) = parameter;
    let query = vec![(Cow::Borrowed(key), Cow::Borrowed(value))];
    let request =
        OpenRequest { path: "/connection/websocket", query, subprotocol, ..Default::default() };
    let opening = Centrifuge.open(&request).unwrap();
    assert!(opening.requests.is_empty(), "everything is asked for in messages");
    let codec = codec(opening.codec);
    (codec.framing(), codec.heartbeat())
}

#[test]
fn the_form_is_chosen_by_subprotocol_or_parameter() {
    const JSON: (Framing, Heartbeat) = (Framing::Text, Heartbeat::Message(b"{}"));
    const PROTOBUF: (Framing, Heartbeat) = (Framing::Binary, Heartbeat::Message(&[0]));
    assert_eq!(chosen(None, ("cf_protocol_version", "v2")), JSON);
    assert_eq!(chosen(None, ("format", "json")), JSON);
    assert_eq!(chosen(None, ("format", "protobuf")), PROTOBUF);
    assert_eq!(chosen(None, ("cf_protocol", "protobuf")), PROTOBUF);
    assert_eq!(chosen(Some("centrifuge-protobuf"), ("", "")), PROTOBUF);
    // What was agreed upon in the handshake is what the peer will talk.
    assert_eq!(chosen(Some("centrifuge-json"), ("format", "protobuf")), JSON);
}

#[test]
fn pings_may_be_frames() {
    let parameter = ("cf_ws_frame_ping_pong", "true");
    assert_eq!(chosen(None, parameter), (Framing::Text, Heartbeat::Frame));
    let protobuf = Some("centrifuge-protobuf");
    assert_eq!(chosen(protobuf, parameter), (Framing::Binary, Heartbeat::Frame));
}

#[test]
fn a_path_has_one_endpoint_and_rooms_only_if_wanted() {
    let paths = ["/connection/websocket", "/ws", "/sse", "/api/v1/ws/r/1", "/", "/ws/x"];
    let matching = |rooms| {
        let endpoints = endpoints(EndpointOptions { rooms });
        paths.map(|path| endpoints.iter().filter(|endpoint| endpoint.matches(path)).count())
    };
    assert_eq!(matching(false), [1, 1, 1, 0, 0, 0]);
    assert_eq!(matching(true), [1, 1, 1, 1, 0, 0]);
}

#[test]
fn every_opening_names_a_codec_that_exists() {
    let known = codecs().len();
    for endpoint in endpoints(EndpointOptions { rooms: true }) {
        for query in [vec![], vec![(Cow::Borrowed("channels"), Cow::Borrowed("a,b"))]] {
            let request = OpenRequest { path: "/api/v1/ws/r/1", query, ..Default::default() };
            if let Ok(opening) = endpoint.open(&request) {
                let CodecId(index) = opening.codec;
                assert!(usize::from(index) < known);
            }
        }
    }
}
