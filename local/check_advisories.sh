#!/bin/sh
# Looks for advisories against the crates of Cargo.lock, and for yanked ones. The database is a Git repository on GitHub:
#
#     check_advisories.sh                    fails where it cannot be fetched
#     check_advisories.sh --allow-offline    then says so, and looks for yanked crates alone; findings fail all the same
set -eu
cd "$(dirname "$0")/.."
deny=.local/checks/bin/cargo-deny

output=$($deny --locked check advisories 2>&1) && status=0 || status=$?
if [ "$status" = 0 ] || [ "${1-}" != --allow-offline ] || ! echo "$output" | grep -q 'failed to fetch advisory database'; then
    echo "$output"
    exit "$status"
fi

# cargo-deny looks for yanked crates with a database only: it gets one with a single advisory, for no crate.
database=.local/checks/no-advisories/advisory-db-3157b0e258782691
if [ ! -d "$database/.git" ]; then
    mkdir -p "$database/crates/none"
    printf '```toml\n[advisory]\nid = "RUSTSEC-2000-0001"\npackage = "none"\ndate = "2000-01-01"\n\n[versions]\npatched = [">= 0.0.0"]\n```\n\n# None\n' \
        >"$database/crates/none/RUSTSEC-2000-0001.md"
    git -C "$database" init --quiet --initial-branch main
    git -C "$database" add --all
    git -C "$database" -c user.name=none -c user.email=none commit --quiet --message none
fi
config=.local/checks/no-advisories/deny.toml
sed 's|^\[advisories\]|&\ndb-path = ".local/checks/no-advisories"|' deny.toml >"$config"
$deny --locked --offline --config "$config" check advisories
echo "ADVISORIES NOT CHECKED: the database cannot be fetched from GitHub here. Yanked crates were looked for." \
    "Where there is a network: make check-advisories" >&2
