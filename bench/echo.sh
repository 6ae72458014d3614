#!/usr/bin/env bash
# Compares echo servers in one run: `bench/echo.sh [ROUNDS] [SECONDS]`. Servers on core 0, load on core 1, in turns, so
# that what disturbs the machine disturbs all of them. Prints each round; medians are for the reader, or for sort.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5} seconds=${2:-3}
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
cargo build --quiet --release -p net --examples
(cd bench/peers && CARGO_TARGET_DIR="$target/peers" cargo build --quiet --release)

declare -A pid address
start() {
    address[$1]=$2; shift 1
    taskset -c 0 "${@:2}" >/dev/null & pid[$name]=$!
}
name=stoa; start stoa 127.0.0.1:9101 "$target/release/examples/echo_server" --listen 127.0.0.1:9101
for name in fastwebsockets tungstenite; do
    port=$([ $name = fastwebsockets ] && echo 9102 || echo 9103)
    start $name 127.0.0.1:$port "$target/peers/release/peers" $name 127.0.0.1:$port
done
trap 'kill "${pid[@]}"' EXIT
sleep 1
load() {
    taskset -c 1 "$target/release/examples/echo_load" --url "ws://${address[$1]}/" --server "${pid[$1]}" "${@:2}"
}
for case in "32 1" "32 16" "16384 1"; do
    read -r bytes in_flight <<<"$case"
    for _ in $(seq "$rounds"); do
        for name in stoa fastwebsockets tungstenite; do
            echo "$bytes bytes, $in_flight in flight, $name: $(load $name --bytes "$bytes" --in-flight "$in_flight" --seconds "$seconds")"
        done
    done
done
for name in stoa fastwebsockets tungstenite; do
    echo "idle, $name: $(load $name --connections 15000 --idle yes)"
done
