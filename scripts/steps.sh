# shellcheck shell=bash
# Steps of a test run: a heading, a duration, a tally. Sourced by scripts/test.
#
# Each step runs in a process group of its own, so that an interrupted run can end exactly what it
# started. Nothing reads standard input.

export NO_COLOR=1 CARGO_TERM_COLOR=never
unset FORCE_COLOR

LOGS=$(mktemp -d)
running=
passed=0
failed=0

stop() {
  if [[ $running ]]; then
    kill -TERM -- "-$running" 2>/dev/null || true
    wait "$running" 2>/dev/null || true
  fi
}
trap 'rm -rf "$LOGS"' EXIT
trap 'stop; echo "interrupted" >&2; exit 130' INT
trap 'stop; echo "terminated" >&2; exit 143' TERM HUP

# step NAME COMMAND…: runs the command under a heading; its failure ends the run.
step() {
  local name=$1 began=$SECONDS log=$LOGS/log status=0
  shift
  printf '\n=== %s\n' "$name"
  set -m
  (
    set -euo pipefail
    "$@" </dev/null 2>&1 | tee "$log"
  ) &
  running=$!
  set +m
  wait "$running" || status=$?
  running=
  local before=$failed
  tally "$log"
  if ((status)); then
    ((failed > before)) || failed=$((failed + 1)) # a step that is no suite, or died of something else
    printf '=== %s: FAILED after %s (exit code %d)\n' "$name" "$(lasted "$began")" "$status"
    summary
    exit 1
  fi
  printf '=== %s: %s\n' "$name" "$(lasted "$began")"
}

lasted() {
  local seconds=$((SECONDS - $1))
  printf '%dm%02ds' $((seconds / 60)) $((seconds % 60))
}

# Adds up what the suites say about themselves: libtest, node's spec reporter, pytest and our own.
tally() {
  local counts
  counts=$(awk '
    /^test result: / { passed += $4; failed += $6 }
    /^(ℹ|#) pass [0-9]+$/ { passed += $3 }
    /^(ℹ|#) fail [0-9]+$/ { failed += $3 }
    /^[0-9]+ (passed|failed|error)/ {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) passed += $(i - 1)
        if ($i ~ /^(failed|error)/) failed += $(i - 1)
      }
    }
    END { print passed + 0, failed + 0 }' "$1")
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
}

# Something the reader must not miss.
banner() {
  local line
  echo '********************************************************************************'
  for line in "$@"; do printf '*** %s\n' "$line"; done
  echo '********************************************************************************'
}

summary() {
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
}

finish() {
  printf '\n=== everything: %s\n' "$(lasted 0)"
  summary
}
