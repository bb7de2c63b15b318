//! Clients on real sockets, and what stands between them and the server in these tests.

mod encrypted;
mod house;
mod parting;
mod plain;
