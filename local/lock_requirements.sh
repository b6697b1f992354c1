#!/bin/sh
# Locks the Python packages of the project: each requirements.txt names all that its requirements.in needs, by version and
# checksum, on whatever system and Python. Run it after a change to a requirements.in; UPGRADE=1 takes newer versions too.
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check uv==0.13.9
for directory in local tests tests/validators; do
    "$tools/bin/uv" pip compile --quiet ${UPGRADE:+--upgrade} --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --custom-compile-command local/lock_requirements.sh \
        --output-file "$directory/requirements.txt" "$directory/requirements.in"
done
