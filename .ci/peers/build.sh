#!/usr/bin/env bash
# Build what otel-bridge is tested against: an OpenTelemetry Collector, Jaeger, Prometheus.
#
# The programs are put into ${OTEL_BRIDGE_PEERS:-~/.cache/otel-bridge-peers}/bin, where
# the tests marked `peers` look. What is there already in the wanted version stays.
# Without Go, or without its modules, it says so and ends well: those tests are skipped.
set -euo pipefail
cd "$(dirname "$0")"
peers=${OTEL_BRIDGE_PEERS:-$HOME/.cache/otel-bridge-peers}
# The module cache is writable, so that it can be deleted like any other folder.
export GOFLAGS=-modcacherw GOWORK=off

# Usage: build NAME PACKAGE [ARGUMENTS OF go list AND go build]
build() {
  local name=$1 package=$2 start=$SECONDS key
  shift 2
  # Named after all that decides what is built, so that another version is another file.
  key=$({ cat "$name"/*; echo "$@"; } | git hash-object --stdin)
  local target=$peers/$name-${key:0:12} why
  if [ -x "$target" ]; then
    echo "$name: there already"
  elif ! why=$(cd "$name" && go list "$@" -deps "$package" 2>&1 >/dev/null); then
    printf '%s: not built, since its modules could not be had: %s\n' "$name" "${why##*$'\n'}"
    return
  else
    (cd "$name" && nice go build -p 2 -buildvcs=false -trimpath -ldflags '-s -w' "$@" \
      -o "$target.new" "$package")
    mv "$target.new" "$target"
    echo "$name: built in $((SECONDS - start)) s"
  fi
  ln -sf "$target" "$peers/bin/$name"
}

if ! command -v go >/dev/null; then
  echo "no peers: Go is not installed; the tests marked peers will be skipped"
  exit 0
fi
mkdir -p "$peers/bin"
build otelcol .
build jaeger github.com/jaegertracing/jaeger/cmd/jaeger
# Of the many ways to find what to scrape, files and lists of addresses are enough.
build prometheus github.com/prometheus/prometheus/cmd/prometheus -tags remove_all_sd
echo "peers are in $peers/bin"
