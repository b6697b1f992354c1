#!/bin/sh
# How long it takes to build all functions from clean, and to build and package them again after one was touched.
set -eu
cd "$(dirname "$0")/../.."

seconds() {
    start=$(date +%s)
    "$@" >&2
    echo $(($(date +%s) - start))
}

rm -rf target/bench-build
clean=$(CARGO_TARGET_DIR=target/bench-build seconds cargo lambda build --locked --release --workspace --exclude tests --exclude floor --exclude reconcile)
rm -rf target/bench-build
make build
touch functions/get-key/src/lib.rs
touched=$(seconds make build)

echo "All functions from clean: $clean s. After one was touched, with packaging: $touched s, less than 30."
[ "$touched" -lt 30 ]
