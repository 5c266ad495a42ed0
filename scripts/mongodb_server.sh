#!/bin/sh
# A server that speaks MongoDB's protocol, for tests: FerretDB with its SQLite backend, built from its Go module.
#
#   scripts/mongodb_server.sh start   build if needed, start if needed, print its mongodb:// URI (without a database)
#   scripts/mongodb_server.sh stop    stop it and forget its data
#
# Only the URI goes to standard output; progress goes to standard error. Several starts give one server.
set -eu

module="github.com/FerretDB/FerretDB"
version="v1.24.2"
checksum="h1:trrUU0LbmusMbyubhPS1IELncvrIwKrsRT2LW1UUWCw="
cache="${XDG_CACHE_HOME:-$HOME/.cache}/scoring-pipeline"
binary="$cache/ferretdb-$version"
run="$cache/ferretdb-run"
log="$run/server.log"

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "mongodb_server.sh: $*"
    exit 1
}

build() {
    [ -x "$binary" ] && return
    command -v go >/dev/null || fail "Go is needed to build $module $version and is not on the PATH"
    say "building $module $version, once, into $binary"
    work="$(mktemp -d "$cache/build.XXXXXX")"
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && go mod download -json "$module@$version" >module.json) || {
        cat "$work/module.json" >&2
        fail "could not download $module $version"
    }
    grep -qF "\"Sum\": \"$checksum\"" "$work/module.json" || fail "the checksum of $module $version is not $checksum"
    source="$(sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p' "$work/module.json")"
    mkdir "$work/source"
    cp -R "$source/." "$work/source"
    chmod -R u+w "$work/source"
    # The release's build writes this file; without it the program refuses to start.
    printf '%s\n' "$version" >"$work/source/build/version/version.txt"
    (cd "$work/source" && GOWORK=off CGO_ENABLED=0 go build -trimpath -o "$work/ferretdb" ./cmd/ferretdb >&2) ||
        fail "could not build $module $version"
    mv "$work/ferretdb" "$binary"
    rm -rf "$work"
    trap - EXIT
}

pid() {
    [ -f "$run/pid" ] && cat "$run/pid"
}

running() {
    number="$(pid)" && [ -n "$number" ] && kill -0 "$number" 2>/dev/null &&
        ps -o args= -p "$number" 2>/dev/null | grep -qF "$binary"
}

start() {
    mkdir -p "$cache"
    build
    if ! running; then
        rm -rf "$run"
        mkdir -p "$run/data"
        # Port 0 lets the kernel choose; the log says which it chose.
        nohup "$binary" --handler=sqlite --sqlite-url="file:$run/data/" --state-dir="$run" --telemetry=disable \
            --listen-addr=127.0.0.1:0 --debug-addr=- --log-level=info --log-format=console \
            >"$log" 2>&1 </dev/null &
        echo $! >"$run/pid"
    fi
    address="$(wait_for_address)" || fail "the server did not start; its log is $log: $(tail -n 3 "$log")"
    echo "mongodb://$address/"
}

wait_for_address() {
    tries=150
    while [ "$tries" -gt 0 ]; do
        found="$(grep -o 'Listening on TCP[^0-9]*127\.0\.0\.1:[0-9]*' "$log" | grep -o '127\.0\.0\.1:[0-9]*' | head -n 1)"
        if [ -n "$found" ]; then
            echo "$found"
            return 0
        fi
        running || return 1
        sleep 0.1
        tries=$((tries - 1))
    done
    return 1
}

stop() {
    if running; then
        number="$(pid)"
        kill "$number"
        tries=100
        while kill -0 "$number" 2>/dev/null && [ "$tries" -gt 0 ]; do
            sleep 0.1
            tries=$((tries - 1))
        done
        kill -0 "$number" 2>/dev/null && kill -9 "$number"
    fi
    rm -rf "$run"
}

case "${1:-}" in
    start) start ;;
    stop) stop ;;
    *) fail "usage: scripts/mongodb_server.sh start|stop" ;;
esac
