//! The suite that every backend passes, over each way in which Redis is run.

mod subject;

use trunkline_rig::{Cluster, Redis, RedisOptions, Sentinel};

use subject::{Group, Shared};

mod standalone {
    use super::*;

    static SERVER: Shared<Redis> = Shared::new();

    fn subject() -> Group<Redis> {
        let start = || Redis::start(&RedisOptions::default()).expect("redis-server starts");
        Group::of(SERVER.get(start), |server| vec![server.url()])
    }

    trunkline_conformance::conformance!(subject);
    trunkline_conformance::conformance_of_notes!(subject);
}

mod several_servers {
    use super::*;

    static SERVERS: Shared<[Redis; 3]> = Shared::new();

    fn subject() -> Group<[Redis; 3]> {
        let start = |_| Redis::start(&RedisOptions::default()).expect("redis-server starts");
        let urls = |servers: &[Redis; 3]| servers.iter().map(Redis::url).collect();
        Group::of(SERVERS.get(|| [0, 1, 2].map(start)), urls)
    }

    trunkline_conformance::conformance!(subject);
    trunkline_conformance::conformance_of_notes!(subject);
}

mod sentinel {
    use super::*;

    static SENTINEL: Shared<Sentinel> = Shared::new();

    fn subject() -> Group<Sentinel> {
        let start = || Sentinel::start(&RedisOptions::default()).expect("three sentinels start");
        Group::of(SENTINEL.get(start), |sentinel| vec![sentinel.url()])
    }

    trunkline_conformance::conformance!(subject);
    trunkline_conformance::conformance_of_notes!(subject);
}

mod cluster {
    use super::*;

    static CLUSTER: Shared<Cluster> = Shared::new();

    fn subject() -> Group<Cluster> {
        let start = || Cluster::start(&RedisOptions::default()).expect("three masters start");
        Group::of(CLUSTER.get(start), |cluster| vec![cluster.url()])
    }

    trunkline_conformance::conformance!(subject);
    trunkline_conformance::conformance_of_notes!(subject);
}
