//! What the handle does beside setting faults.

use std::net::TcpStream;

use trunkline_fault_proxy::{BlackHole, FaultProxy, Faults, LineFaults, Options};

use crate::world::{
    DEADLINE, World, accept, address, assert_refused, assert_reset, client, listener, pass,
    wait_for,
};

#[test]
fn reset_all_resets_both_sides_of_everything_and_nothing_that_comes_later() {
    let world = World::new(1);
    let mut pairs = [world.connect(), world.connect(), world.connect()];
    world.proxy.reset_all();
    for pair in &mut pairs {
        assert_reset(&mut pair.client);
        assert_reset(&mut pair.server);
    }
    world.connect().assert_carries();
}

#[test]
fn reset_all_reaches_a_client_that_has_only_just_connected() {
    for _ in 0..50 {
        let world = World::new(1);
        let mut client = client(world.proxy.address());
        world.proxy.reset_all();
        assert_reset(&mut client);
    }
}

#[test]
fn reset_all_reaches_into_a_black_hole() {
    let world = World::new(1);
    let mut pair = world.connect();
    world.proxy.set(Faults::both(LineFaults::black_hole(BlackHole::Stall)));
    world.proxy.reset_all();
    assert_reset(&mut pair.client);
    assert_reset(&mut pair.server);
}

#[test]
fn who_is_refused_is_reset_and_others_stay() {
    let world = World::new(1);
    let mut old = world.connect();
    world.proxy.refuse(true);
    assert_refused(world.proxy.address());
    old.assert_carries();
    world.proxy.refuse(false);
    world.connect().assert_carries();
}

#[test]
fn new_connections_lead_to_the_new_upstream_and_old_ones_stay() {
    let world = World::new(1);
    let mut old = world.connect();
    let upstream = listener();
    world.proxy.set_upstream(address(&upstream));
    let mut client = client(world.proxy.address());
    let mut server = accept(&upstream);
    pass(&mut client, &mut server, b"new");
    old.assert_carries();
}

#[test]
fn an_upstream_that_is_not_there_resets_the_client() {
    let world = World::new(1);
    // The port was free a moment ago, and is kept so: it is bound, and nobody listens.
    let nobody = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    nobody.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    world.proxy.set_upstream(nobody.local_addr().unwrap().as_socket().unwrap());
    assert_refused(world.proxy.address());
    world.wait_for_connections(0);
}

#[test]
fn connections_are_counted() {
    let world = World::new(1);
    let pairs = [world.connect(), world.connect()];
    world.wait_for_connections(2);
    drop(pairs);
    world.wait_for_connections(0);
}

#[test]
fn a_proxy_that_stops_resets_its_connections_and_closes_its_port() {
    let World { proxy, upstream } = World::new(1);
    let address = proxy.address();
    let mut client = client(address);
    let mut server = accept(&upstream);
    pass(&mut client, &mut server, b"ping");
    proxy.stop();
    assert_reset(&mut client);
    assert_reset(&mut server);
    TcpStream::connect_timeout(&address, DEADLINE).expect_err("nobody listens");
}

#[test]
fn it_runs_in_the_runtime_of_its_caller_as_well() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let upstream = listener();
    let (proxy, address) = runtime.block_on(async {
        let proxy = FaultProxy::start(Options::to(address(&upstream), 1)).unwrap();
        let address = proxy.address();
        (proxy, address)
    });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        runtime.block_on(async {
            let _ = stopped.await; // Dropped is as good as sent.
            drop(proxy);
            // The task that serves sees it in its turn.
            let gone = async || tokio::net::TcpStream::connect(address).await.is_err();
            tokio::time::timeout(DEADLINE, async { while !gone().await {} }).await
        })
    });
    let mut client = client(address);
    let mut server = accept(&upstream);
    pass(&mut client, &mut server, b"ping");
    drop(stop);
    assert_reset(&mut client);
    wait_for("the thread", || thread.is_finished());
    thread.join().unwrap().expect("the port was closed in time");
}
