#!/bin/sh
# Installs the validators into .local/validators: quick when they are there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=$here/../../.local/validators
mkdir -p "$target"
cd "$target"

wanted=$(cat "$here/requirements.txt" "$here/package.json" "$here/package-lock.json" "$here/install.sh")
if [ -f installed ] && [ "$wanted" = "$(cat installed)" ]; then
    exit 0
fi
rm -rf installed venv node_modules
cp "$here/package.json" "$here/package-lock.json" .
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement "$here/requirements.txt"
# pdfmake, a peer of @medplum/core, draws PDFs.
npm ci --omit=peer --ignore-scripts --no-audit --no-fund --silent
printf '%s\n' "$wanted" >installed
