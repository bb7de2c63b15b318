# shellcheck shell=bash
# Three nodes that share one Redis, behind HAProxy with the file of ../deploy. Sourced by the `run` of
# an example, which has `say`, `node_port` (for clients) and `admin_port` (for a page that shows which
# nodes are up). API_PORT is where the application finds the server API.
#
# Everything has a process group of its own, so that ^C reaches the script alone and it can end things
# in order: nodes first, Redis, to which they still have something to say, last.

api_port=${API_PORT:-8001}
cluster_config=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/deploy/haproxy/haproxy.cfg

# How long anything may take to listen, in tenths of a second.
cluster_patience=150

# nodes_wanted ARGUMENT…: how many nodes the arguments ask for: 1 or 3. That is what the file has
# places for.
nodes_wanted() {
  case "$*" in
    '') echo 1 ;;
    '--nodes 1' | --nodes=1) echo 1 ;;
    '--nodes 3' | --nodes=3) echo 3 ;;
    *)
      printf 'usage: %s [--nodes 3]\n' "$0" >&2
      return 2
      ;;
  esac
}

# Says what is missing, and how it is installed.
cluster_needs() {
  PATH=$PATH:/usr/sbin # where Debian has HAProxy
  local missing=()
  command -v redis-server >/dev/null || missing+=(redis-server)
  command -v haproxy >/dev/null || missing+=(haproxy)
  ((${#missing[@]})) || return 0
  say "several nodes need ${missing[*]}: apt-get install ${missing[*]}"
  exit 2
}

# cluster_start FOLDER COMMAND…: Redis, which keeps what it has in FOLDER, or nowhere if that is empty;
# three nodes, which are COMMAND with addresses; HAProxy.
cluster_start() {
  local folder=$1 nth
  shift
  cluster=() cluster_nodes=()
  cluster_place=$(mktemp -d)
  cluster_redis "$folder"
  # So that a node that is asked to leave is sent nobody any more: HAProxy asks every second, twice.
  export TRUNKLINE_SERVER__SHUTDOWN_DELAY=5s
  for nth in 1 2 3; do
    cluster_background cluster_keep "$nth" "$@" --redis "redis://127.0.0.1:$cluster_redis_port"
    cluster_nodes+=($!)
  done
  for nth in 1 2 3; do
    cluster_wait "node $nth" test -s "$cluster_place/node$nth"
  done
  cluster_proxy
}

cluster_end() {
  [[ -n ${cluster_place:-} ]] || return 0
  cluster_stop "${cluster_nodes[@]}"
  cluster_stop "${cluster[@]}"
  rm -rf "$cluster_place"
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

# Redis on a port that was free. Nobody can be asked for one, so a few are tried.
cluster_redis() {
  local tries=0 appendonly=no
  [[ -z $1 ]] || appendonly=yes
  while ((++tries <= 10)); do
    cluster_redis_port=$((20000 + RANDOM % 10000))
    cluster_background redis-server --bind 127.0.0.1 --port "$cluster_redis_port" \
      --dir "${1:-$cluster_place}" --appendonly "$appendonly" --save '' --maxmemory-policy noeviction --logfile "$cluster_place/redis$tries"
    until grep -qs 'Ready to accept connections' "$cluster_place/redis$tries"; do
      kill -0 "${cluster[0]}" 2>/dev/null || break
      sleep 0.1
    done
    if kill -0 "${cluster[0]}" 2>/dev/null; then
      say "Redis is process ${cluster[0]}, at 127.0.0.1:$cluster_redis_port"
      return
    fi
    cluster=()
  done
  tail -n 3 "$cluster_place/redis10" >&2
  say 'Redis does not start'
  exit 1
}

# cluster_keep NTH COMMAND…: runs a node. One that was killed, or asked to leave, is started again
# where it was; one that ends because something is wrong has said so, and would again.
cluster_keep() {
  local nth=$1 listen=127.0.0.1:0 admin=127.0.0.1:0 said=$cluster_place/said$1 node='' status
  shift
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
