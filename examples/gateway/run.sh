#!/bin/sh
# A gateway with what stands behind it, until Ctrl-C:
#
#   examples/gateway/run.sh chat-l4      chat behind layer 4    http://127.0.0.1:8000/
#   examples/gateway/run.sh chat-l7      chat behind layer 7    https://127.0.0.1:8443/ and http://127.0.0.1:8000/
#   examples/gateway/run.sh wreckroom    three nodes            http://127.0.0.1:8000/play
#
# `stoa gateway top` shows what goes through it. STOA names a built binary; without it, one is built.
set -eu

example=${1:-}
here=$(cd "$(dirname "$0")" && pwd)
case $example in
chat-l4 | chat-l7) nodes="8081:9081" ;;
wreckroom) nodes="8081:9081 8082:9082 8083:9083" ;;
*)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

if [ -z "${STOA:-}" ]; then
    (cd "$here/../.." && cargo build --release --package stoa)
    STOA=$here/../../target/release/stoa
fi
data=$(mktemp -d)
children=""
# The gateway and the nodes end with this script, and what they stored goes with them.
trap 'trap - EXIT INT TERM; kill $children 2>/dev/null || true; wait; rm -rf "$data"' EXIT INT TERM

for node in $nodes; do
    # The port for clients, and the one for metrics and for the gateway's table of matches.
    port=${node%:*} admin=${node#*:}
    "$STOA" serve --workers 1 --listen "127.0.0.1:$port" --admin-listen "127.0.0.1:$admin" --data "$data/$port" &
    children="$children $!"
done
"$STOA" gateway --config "$here/$example.toml" &
children="$children $!"
# Until Ctrl-C, or until the gateway has ended.
wait $!
