# shellcheck shell=bash
# What the `run` of every example needs: the binary, secrets, and nodes. Three share one Redis, behind
# HAProxy with the file of ../deploy; two share one Redis and nothing is before them; one is alone.
# Sourced by `run` in its own folder, which has `node_port` (for clients) and `admin_port` (of several nodes:
# for a page that shows which are up). API_PORT is where the application finds the server API of several
# nodes.
#
# Everything has a process group of its own, so that ^C reaches the script alone and it can end things
# in order: nodes first, Redis, to which they still have something to say, last.

api_port=${API_PORT:-8001}
cluster=() cluster_nodes=()
cluster_config=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/deploy/haproxy/haproxy.cfg

# How long anything may take to listen, in tenths of a second.
cluster_patience=150

# Nobody may be listening any more; that is no reason to end.
say() { printf '%s: %s\n' "${PWD##*/}" "$*" >&2 || true; }

# help_wanted ARGUMENT…: says what there is to say about this command and ends, if that is asked for.
help_wanted() {
  case "$*" in
    -h | --help) sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "${0##*/}" && exit ;;
  esac
}

# nodes_wanted ARGUMENT…: how many nodes the arguments ask for: 1 or 3, which is what the file has places
# for, or as many as NODE_COUNTS has.
nodes_wanted() {
  local count arguments=${*/#--nodes=/--nodes }
  for count in ${NODE_COUNTS:-1 3}; do
    case "$arguments" in
      '') echo 1 && return ;;
      "--nodes $count") echo "$count" && return ;;
    esac
  done
  printf 'usage: %s [--nodes 3]\n' "$0" >&2
  return 2
}

# The binary: the one that TRUNKLINE_BIN names, or one that is built now. Leaves it in `trunkline`.
find_trunkline() {
  trunkline=${TRUNKLINE_BIN:-}
  [[ -z $trunkline ]] || return 0
  command -v cargo >/dev/null || { say 'cargo is needed to build the node; see https://rustup.rs'; exit 2; }
  cargo build --release --manifest-path ../../Cargo.toml
  trunkline=${CARGO_TARGET_DIR:-../../target}/release/trunkline
}

# A secret for this start.
secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# fresh_api_key FOLDER: a key for the server API, which ends with the script. Leaves it in `api_key`, and for
# others of this user, as a header for `curl -H @FOLDER/key`, in a file.
fresh_api_key() {
  api_key=$(secret)
  cluster_key=$1/key
  mkdir -p "$1"
  (umask 077 && printf 'X-API-Key: %s\n' "$api_key" >"$cluster_key")
}

# Where pages of this example come from, for client.allowed_origins.
page_origins() { printf 'http://127.0.0.1:%s,http://localhost:%s' "${page_port:?}" "$page_port"; }

# cluster_needs [COUNT]: says what several nodes need and is missing, and how it is installed.
cluster_needs() {
  PATH=$PATH:/usr/sbin # where Debian has HAProxy
  local missing=()
  command -v redis-server >/dev/null || missing+=(redis-server)
  ((${1:-3} == 2)) || command -v haproxy >/dev/null || missing+=(haproxy)
  ((${#missing[@]})) || return 0
  say "several nodes need ${missing[*]}: apt-get install ${missing[*]}"
  exit 2
}

# cluster_start FOLDER COMMAND…: Redis, which keeps what it has in FOLDER, or nowhere if that is empty;
# three nodes, which are COMMAND with addresses; HAProxy. Redis may have been started before.
cluster_start() {
  local folder=$1
  shift
  [[ -n ${cluster_redis_url:-} ]] || cluster_redis "$folder"
  # So that a node that is asked to leave is sent nobody any more: HAProxy asks every second, twice.
  export TRUNKLINE_SERVER__SHUTDOWN_DELAY=5s
  cluster_serve 3 127.0.0.1:0 127.0.0.1:0 "$@" --redis "$cluster_redis_url"
  cluster_proxy
}

# cluster_serve COUNT LISTEN ADMIN COMMAND…: so many nodes, which are COMMAND with these addresses. Each is
# started again when it dies. Leaves where clients find them in `cluster_addresses`.
cluster_serve() {
  local count=$1 nth listen
  shift
  cluster_make_place
  for ((nth = 1; nth <= count; nth++)); do
    cluster_background cluster_keep "$nth" "$@"
    cluster_nodes+=($!)
  done
  cluster_addresses=()
  for ((nth = 1; nth <= count; nth++)); do
    cluster_wait "node $nth" test -s "$cluster_place/node$nth"
    read -r listen _ <"$cluster_place/node$nth"
    cluster_addresses+=("$listen")
  done
}

# A folder for what is of no use after this run.
cluster_make_place() { [[ -n ${cluster_place:-} ]] || cluster_place=$(mktemp -d); }

# begin_example [COMMAND…]: from here on, everything that was started ends with the script, after this
# command.
begin_example() {
  cluster_make_place
  cluster_before_end=("$@")
  trap end_example EXIT
  # Being asked twice is no reason to leave anything behind: whoever is asked already does not listen.
  trap "trap '' INT TERM HUP; exit 0" INT TERM HUP
  trap '' PIPE
}

end_example() {
  trap '' INT TERM HUP
  trap - EXIT
  "${cluster_before_end[@]:-:}"
  cluster_end
  wait
}

cluster_end() {
  [[ -n ${cluster_place:-} ]] || return 0
  cluster_stop "${cluster_nodes[@]}"
  cluster_stop "${cluster[@]}"
  rm -rf "$cluster_place"
  [[ -z ${cluster_key:-} ]] || rm -f "$cluster_key"
}

cluster_stop() {
  ((!$#)) || kill "$@" 2>/dev/null || true
  ((!$#)) || wait "$@" 2>/dev/null || true
}

# In a process group of its own.
cluster_background() {
  set -m
  "$@" &
  set +m
  cluster+=($!)
}

# cluster_wait WHAT COMMAND…: waits until the command succeeds, while everything started still runs.
cluster_wait() {
  local what=$1 tries=0 process
  shift
  until "$@"; do
    for process in "${cluster[@]}"; do
      kill -0 "$process" 2>/dev/null || { say "$what does not start"; exit 1; }
    done
    ((++tries < cluster_patience)) || { say "$what does not answer"; exit 1; }
    sleep 0.1
  done
}

# cluster_redis FOLDER: the Redis that REDIS_URL names; or one on a port that was free. Nobody can be asked
# for one, so a few are tried. Leaves its address in `cluster_redis_url`.
cluster_redis() {
  local tries=0 appendonly=no port process
  cluster_make_place
  if [[ -n ${REDIS_URL:-} ]]; then
    cluster_redis_url=$REDIS_URL
    return
  fi
  [[ -z $1 ]] || appendonly=yes
  while ((++tries <= 10)); do
    port=$((20000 + RANDOM % 10000))
    cluster_background redis-server --bind 127.0.0.1 --port "$port" \
      --dir "${1:-$cluster_place}" --appendonly "$appendonly" --save '' --maxmemory-policy noeviction --logfile "$cluster_place/redis$tries"
    process=$!
    until grep -qs 'Ready to accept connections' "$cluster_place/redis$tries"; do
      kill -0 "$process" 2>/dev/null || break
      sleep 0.1
    done
    if kill -0 "$process" 2>/dev/null; then
      cluster_redis_url=redis://127.0.0.1:$port
      say "Redis is process $process, at 127.0.0.1:$port"
      return
    fi
    unset "cluster[-1]"
  done
  tail -n 3 "$cluster_place/redis10" >&2
  say 'Redis does not start'
  exit 1
}

# cluster_keep NTH LISTEN ADMIN COMMAND…: runs a node. One that was killed, or asked to leave, is started again
# where it was; one that ends because something is wrong has said so, and would again.
cluster_keep() {
  local nth=$1 listen=$2 admin=$3 said=$cluster_place/said$1 node='' status
  shift 3
  # The first signal begins a delay for the sake of a balancer, the second ends it: nobody comes.
  trap 'kill "$node" 2>/dev/null && kill -INT "$node" && wait "$node"; exit 0' TERM
  while :; do
    : >"$said"
    "$@" --listen "$listen" --admin-listen "$admin" >"$said" &
    node=$!
    until grep -q '^ready ' "$said"; do
      kill -0 "$node" 2>/dev/null || { say "node $nth does not start"; exit 1; }
      sleep 0.1
    done
    read -r _ listen admin < <(grep '^ready ' "$said")
    listen=${listen#listen=} admin=${admin#admin=}
    printf '%s %s\n' "$listen" "$admin" >"$cluster_place/node$nth"
    say "node $nth is process $node, at $listen; see what happens after: kill -9 $node"
    status=0
    wait "$node" || status=$?
    ((status == 0 || status > 128)) || { say "node $nth has ended ($status)"; exit "$status"; }
    say "node $nth is gone; another one comes in 3 s"
    sleep 3 &
    node=$!
    wait "$node"
  done
}

# What clients and the application connect to. Its page at admin_port shows which nodes are up.
cluster_proxy() {
  local nth listen admin
  for nth in 1 2 3; do
    read -r listen admin <"$cluster_place/node$nth"
    export "NODE$nth=$listen" "NODE${nth}_ADMIN=${admin##*:}"
  done
  export CLIENTS=127.0.0.1:${node_port:?} APPLICATION=127.0.0.1:$api_port STATUS=127.0.0.1:${admin_port:?}
  CONNECTIONS=500 cluster_background haproxy -db -f "$cluster_config"
  cluster_wait HAProxy cluster_answers "$node_port"
  say "HAProxy: clients at 127.0.0.1:$node_port, the server API at 127.0.0.1:$api_port," \
    "which nodes are up at http://127.0.0.1:$admin_port/"
}

cluster_answers() { (: </dev/tcp/127.0.0.1/"$1") 2>/dev/null; }
