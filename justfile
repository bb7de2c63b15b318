# The project's everyday commands. `just` alone lists them.

_default:
    @just --list --unsorted

# formatting and lints, as CI wants them
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# every test there is; installs what they need
test *PARTS:
    ./scripts/test {{PARTS}}

# real clients against the release binary: SDKs, plain sockets, a browser
e2e:
    ./scripts/test e2e

# kill -9 a node again and again, and judge what everybody saw
crash ROUNDS="50":
    cargo build --release -p trunkline -p trunkline-checker
    ./target/release/trunkline-checker crash --server target/release/trunkline --rounds {{ROUNDS}}

# break what nodes share, in every way the checker knows; `just chaos --scenario failover` for one
chaos *ARGS:
    cargo build --release -p trunkline -p trunkline-checker
    ./target/release/trunkline-checker chaos --server target/release/trunkline {{ARGS}}

# thousands of users come and go at three nodes; do these agree on who is where? `just presence --short` for a few
presence *ARGS:
    cargo build --release -p trunkline -p trunkline-checker
    ./target/release/trunkline-checker presence --server target/release/trunkline {{ARGS}}

# random histories of the store on a faulty disk
histories COUNT="2000":
    EMBEDDED_HISTORIES={{COUNT}} cargo test --release -p trunkline-backend-embedded --test histories

# nodes, clients and a broker as one run of a seed, for so many seeds
sim SEEDS="300":
    cd sim && cargo run -- --seeds {{SEEDS}}

# Autobahn|Testsuite against the WebSocket layer; `just autobahn --all` for every case
autobahn *ARGS:
    ./scripts/autobahn {{ARGS}}

# all fuzz targets, SECONDS each
fuzz SECONDS="60":
    ./fuzz/run {{SECONDS}}

# every scenario that docs/performance.md quotes; `just bench fanout` for one of them
bench *ARGS="all":
    cargo run --release -- bench {{ARGS}}

# the API documentation of all crates
docs:
    cargo doc --workspace --no-deps --open

# a development server with its page at http://127.0.0.1:8000
demo:
    cargo run --release -- serve --dev
