//! What goes over the wire, as data in and data out.

#![cfg(test)]

mod any_bytes;
mod centrifuge_endpoint;
mod centrifuge_json;
mod centrifuge_protobuf;
mod delta;
mod plain;
mod rooms;
mod transcript;
