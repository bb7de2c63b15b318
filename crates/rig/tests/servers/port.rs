//! Ports.

use std::collections::HashSet;
use std::net::TcpListener;

use trunkline_rig::{Port, free_port, free_ports};

#[test]
fn nobody_is_given_a_port_that_another_holds() {
    let ports = free_ports(200).unwrap();
    let more = std::thread::spawn(|| free_ports(200).unwrap()).join().unwrap();
    let numbers: HashSet<u16> = ports.iter().chain(&more).map(Port::number).collect();
    assert_eq!(numbers.len(), 400);
}

#[test]
fn a_port_that_somebody_listens_at_is_not_free() {
    let port = free_port().unwrap();
    let _listener = TcpListener::bind(port.address()).unwrap();
    let number = port.number();
    drop(port);
    assert!(free_ports(200).unwrap().iter().all(|port| port.number() != number));
}
