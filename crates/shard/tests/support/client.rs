//! A WebSocket client that speaks the Centrifuge protocol in JSON.

use serde_json::{Value, json};

use super::frame::{self, Frame};
use super::peer::Peer;

/// What the request of a WebSocket says.
pub(crate) struct Upgrade {
    pub(crate) path: &'static str,
    /// More header lines, each with its line break.
    pub(crate) headers: &'static str,
}

impl Default for Upgrade {
    fn default() -> Self {
        Self { path: "/connection/websocket", headers: "" }
    }
}

impl Upgrade {
    /// The request's head.
    pub(crate) fn head(&self) -> String {
        let Self { path, headers } = self;
        format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        )
    }
}

/// An open WebSocket.
pub(crate) struct Client {
    pub(crate) peer: Peer,
    /// The response that opened it.
    pub(crate) response: String,
    last_id: u32,
}

impl Client {
    #[track_caller]
    pub(crate) fn upgrade(mut peer: Peer, upgrade: &Upgrade) -> Self {
        peer.send(upgrade.head().as_bytes());
        Self::opened(peer)
    }

    /// Reads the response to a head that was sent already.
    #[track_caller]
    pub(crate) fn opened(mut peer: Peer) -> Self {
        let response = peer.take_through("\r\n\r\n");
        assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
        Self { peer, response, last_id: 0 }
    }

    /// Introduces itself; nobody in particular has the empty name.
    #[track_caller]
    pub(crate) fn connect(&mut self, user: &str) -> Value {
        let reply = self.ask(&json!({"connect": {"token": user}}));
        assert!(reply["connect"]["client"].is_string(), "{reply}");
        reply["connect"].clone()
    }

    /// Subscribes, and says with what result.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, channel: &str) -> Value {
        let reply = self.ask(&json!({"subscribe": {"channel": channel}}));
        assert!(reply["subscribe"].is_object(), "{reply}");
        reply["subscribe"].clone()
    }

    /// The same, to hear who comes and goes.
    #[track_caller]
    pub(crate) fn subscribe_with_joins(&mut self, channel: &str) {
        let reply = self.ask(&json!({"subscribe": {"channel": channel, "join_leave": true}}));
        assert!(reply["subscribe"].is_object(), "{reply}");
    }

    /// Sends a command; the next message must be its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, command: &Value) -> Value {
        let id = self.command(command);
        let reply = self.json();
        assert_eq!(reply["id"], id, "{reply}");
        reply
    }

    /// Sends a command, and says with which id.
    #[track_caller]
    pub(crate) fn command(&mut self, command: &Value) -> u32 {
        let (id, frame) = self.frame_of(command);
        self.peer.send(&frame);
        id
    }

    /// A command with the next id, to be sent.
    pub(crate) fn frame_of(&mut self, command: &Value) -> (u32, Vec<u8>) {
        self.last_id += 1;
        let mut command = command.clone();
        command["id"] = self.last_id.into();
        (self.last_id, frame::write(frame::TEXT, command.to_string().as_bytes()))
    }

    #[track_caller]
    pub(crate) fn send_text(&mut self, text: &str) {
        self.peer.send(&frame::write(frame::TEXT, text.as_bytes()));
    }

    #[track_caller]
    pub(crate) fn frame(&mut self) -> Frame {
        frame::read(&mut self.peer)
    }

    /// The next frame, which must be text.
    #[track_caller]
    pub(crate) fn text(&mut self) -> String {
        match self.frame() {
            Frame::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn json(&mut self) -> Value {
        serde_json::from_str(&self.text()).expect("JSON")
    }

    /// The next message, which must be a push.
    #[track_caller]
    pub(crate) fn push(&mut self) -> Value {
        let message = self.json();
        assert!(message["push"].is_object(), "{message}");
        message["push"].clone()
    }

    /// The data of the next message, which must be a publication of this channel.
    #[track_caller]
    pub(crate) fn publication(&mut self, channel: &str) -> Value {
        let push = self.push();
        assert_eq!(push["channel"], channel, "{push}");
        assert!(push["pub"].is_object(), "{push}");
        push["pub"]["data"].clone()
    }

    /// Makes sure that nothing came before the answer to a question asked now.
    #[track_caller]
    pub(crate) fn expect_quiet(&mut self) {
        self.peer.send(&frame::write(frame::PING, b"anything?"));
        assert_eq!(self.frame(), Frame::Pong(b"anything?".to_vec()));
    }

    /// Reads on until the close frame, and says its code and words. The connection must end then.
    #[track_caller]
    pub(crate) fn closed(&mut self) -> (u16, String) {
        loop {
            match self.frame() {
                Frame::Close(code, words) => {
                    assert_eq!(self.frame(), Frame::End);
                    return (code, words);
                }
                Frame::End => panic!("the connection ended without a close frame"),
                _ => {}
            }
        }
    }

    /// The next frame must be a close frame with this code, and the connection must end then.
    #[track_caller]
    pub(crate) fn expect_close(&mut self, code: u16) {
        match self.frame() {
            Frame::Close(told, _) if told == code => {}
            other => panic!("{other:?} instead of a close with {code}"),
        }
        assert_eq!(self.frame(), Frame::End);
    }
}
