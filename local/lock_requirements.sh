#!/bin/sh
# Locks the Python packages of the project: each requirements.txt names all that its requirements.in needs, by version and
# checksum, on whatever system and Python. Run it after a change to a requirements.in; UPGRADE=1 takes newer versions too.
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes -r local/uv.txt
lock() {
    "$tools/bin/uv" pip compile --quiet ${UPGRADE:+--upgrade} --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --custom-compile-command local/lock_requirements.sh --output-file "$2" "$1"
}
# The tool that locks, first.
echo uv | lock - local/uv.txt
for directory in local tests tests/validators tests/clients; do
    lock "$directory/requirements.in" "$directory/requirements.txt"
done
