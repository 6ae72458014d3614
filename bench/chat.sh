#!/usr/bin/env bash
# Measures chat on this machine: `bench/chat.sh [ROUNDS]`. Each round has a fresh server with an empty store, and every run
# checks every message. Prints each round; medians are for the reader, or for sort.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5}
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
cargo build --quiet --release -p stoa
stoa=$target/release/stoa
data=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill "$server" && wait "$server" || true; fi
    rm -rf "$data"
}
trap finish EXIT
url=ws://127.0.0.1:8190/v1/chat

serve() {
    if [ -n "$server" ]; then kill "$server" && wait "$server" || true; fi
    rm -rf "$data/store"
    "$stoa" serve --listen 127.0.0.1:8190 --admin-listen off --data "$data/store" --log error --drain-seconds 0 \
        --sends-per-second 1000000 --requests-per-second 100000 --requests-in-flight-max 4096 >/dev/null 2>&1 &
    server=$!
    until "$stoa" connect "$url" --subprotocol stoa.chat.v1 </dev/null >/dev/null 2>&1; do sleep 0.2; done
}
# The line of the report that matters, and the verdict. A run that is INVALID is shown, too.
run() {
    local name=$1 wanted=$2
    shift 2
    serve
    local report
    report=$("$stoa" load "$@" 2>&1) || true
    echo "$name: $(grep -E "^ *($wanted) " <<<"$report" | tr -s ' ' | tr '\n' ';') $(grep -E '^(PASS|FAIL|INVALID)' <<<"$report")"
}
for _ in $(seq "$rounds"); do
    run "acks at 25,000/s" "acks|latency" chat "$url" --connections 64 --rooms 64 --rate 25000 --seconds 6
    run "acks at most" "acks|latency" chat "$url" --connections 64 --rooms 64 --rate max --in-flight 16 --seconds 6
    run "fan-out" "deliveries|last member" fanout "$url" --connections 1000 --rate 1000 --size 128 --seconds 6
done
serve
report=$("$stoa" load idle "$url" --connections 15000 --join 150 --seconds 5 --pid "$server" 2>&1) || true
echo "idle members: $(grep -iE 'memory|KiB|PASS|FAIL|INVALID' <<<"$report" | tr -s ' ' | tr '\n' ';')"
