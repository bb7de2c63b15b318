# shellcheck shell=bash
# What the tests need beside Rust, and how it is installed. Sourced by scripts/test.
#
# System packages come from apt-get when it exists and we may use it; everything else lives inside
# the checkout (e2e/js/node_modules, e2e/python/.venv), pinned by lock files.

readonly POLICY=/usr/sbin/policy-rc.d
readonly CHROMIUM_PATHS=("${CHROMIUM:-}" /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome)

# Ends the run with the one thing to do about it.
lacking() {
  printf 'scripts/test: %s\n' "$*" >&2
  exit 1
}

updated=
as=()

# privileged NAME…: finds out how to run a command as root, or asks for these packages.
privileged() {
  command -v apt-get >/dev/null || lacking "please install: $*"
  ((EUID)) || return 0
  sudo -n true 2>/dev/null || lacking "please install, as root: apt-get install $*"
  as=(sudo -n)
}

# packages NAME…: installs Debian packages.
packages() {
  privileged "$@"
  local apt=("${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq)
  echo "installing: $*"
  if [[ ! $updated ]]; then
    "${apt[@]}" update
    updated=1
  fi
  "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null
}

# servers NAME…: installs Debian packages without starting what is in them: tests start servers of
# their own. Debian asks the policy before it starts a service, and 101 is a no. A policy that is
# there already is the machine's own, and stays as it is.
servers() (
  privileged "$@"
  if [[ ! -e $POLICY ]]; then
    trap '"${as[@]}" rm -f "$POLICY"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as[@]}" tee "$POLICY" >/dev/null
    "${as[@]}" chmod 755 "$POLICY"
  fi
  packages "$@"
)

# Whether a program is there, also where only root's path leads.
have() {
  command -v "$1" >/dev/null || [[ -x /usr/sbin/$1 ]]
}

need_rust() {
  command -v cargo >/dev/null || lacking 'Rust is missing: see https://rustup.rs'
  command -v cc >/dev/null || packages gcc libc6-dev
  local component
  for component in fmt clippy; do
    cargo "$component" --version >/dev/null 2>&1 && continue
    command -v rustup >/dev/null || lacking "cargo $component is missing"
    rustup component add "${component/#fmt/rustfmt}"
  done
}

# The fuzzing engine is written in C++.
need_cpp() {
  command -v c++ >/dev/null || packages g++
}

# Nothing of ours uses the service that Debian makes of it.
need_redis() {
  have redis-server || servers redis-server
}

need_proxies() {
  have haproxy || servers haproxy
  have nginx || servers nginx-light
}

need_e2e() {
  command -v curl >/dev/null || packages curl ca-certificates
  command -v openssl >/dev/null || packages openssl
  need_redis
  need_proxies
  need_chromium
  need_node
  need_python
}

need_chromium() {
  local path
  for path in "${CHROMIUM_PATHS[@]}"; do
    [[ -x $path ]] && return
  done
  packages chromium
}

need_node() {
  node_is_recent || packages nodejs
  command -v npm >/dev/null || packages npm
  node_is_recent || lacking 'node 18.19 or later is needed'
  local folder
  for folder in e2e/js examples/webhook; do
    # A copy of the lock file, left by the last installation, tells whether it is still the right one.
    cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed" && continue
    echo "installing: packages of $folder"
    (cd "$folder" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --loglevel=error)
    cp "$folder/package-lock.json" "$folder/node_modules/.installed"
  done
}

node_is_recent() {
  node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 18 || (a == 18 && b >= 19) ? 0 : 1)' \
    2>/dev/null
}

need_python() {
  local venv=e2e/python/.venv
  python_is_recent || packages python3
  python_is_recent || lacking 'Python 3.11 or later is needed'
  python3 -c 'import ensurepip, venv' 2>/dev/null || packages python3-venv
  cmp -s e2e/python/requirements.txt "$venv/.installed" && "$venv/bin/python" -c '' 2>/dev/null && return
  echo 'installing: packages of e2e/python'
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r e2e/python/requirements.txt
  cp e2e/python/requirements.txt "$venv/.installed"
}

python_is_recent() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}
