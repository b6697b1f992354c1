#!/bin/sh
# Looks for what the goals of make need, before anything is installed or compiled, and names all that is missing.
#
#     preflight.sh GOAL...
#
# It needs nothing itself but a shell. The Makefile runs it first.
set -u
cd "${0%/*}/.." || exit 2

rust= components= compiler= python= java= chromium= nginx= git= linux=
for goal in "$@"; do
    case $goal in
    # The functions run as they are deployed, as programs for Linux, without Docker.
    local | bench | bench-build) rust=1 compiler=1 python=1 linux=1 ;;
    test) rust=1 components=1 compiler=1 python=1 java=1 chromium=1 nginx=1 git=1 linux=1 ;;
    test-deployed) rust=1 compiler=1 python=1 nginx=1 linux=1 ;;
    test-contract | test-deployment) rust=1 compiler=1 python=1 linux=1 ;;
    test-pages | pictures) rust=1 compiler=1 python=1 chromium=1 linux=1 ;;
    test-clients) rust=1 compiler=1 python=1 java=1 linux=1 ;;
    test-in-process) rust=1 compiler=1 python=1 java=1 ;;
    generated | torture | test-torture | build | deploy | reconcile) rust=1 compiler=1 python=1 ;;
    test-guides) rust=1 compiler=1 python=1 git=1 ;;
    check-format) rust=1 components=1 compiler=1 ;;
    check-lints) rust=1 components=1 compiler=1 python=1 ;;
    endpoint) rust=1 components=1 python=1 ;;
    check-dependencies | check-advisories) rust=1 compiler=1 python=1 git=1 ;;
    check-template | check-contract | clients | validators | pages | token | local-reset | destroy | import) python=1 ;;
    esac
done

# The packages of apt or Homebrew that would bring what is missing, for how many things, and the whole report.
packages= packaged=0 report=

has() {
    command -v "$1" >/dev/null 2>&1
}

if has apt-get; then
    install='apt-get install'
    [ "$(id -u 2>/dev/null)" = 0 ] || install="sudo $install"
elif has brew; then
    install='brew install'
else
    install=
fi

# missing WHAT APT-PACKAGES BREW-PACKAGES
missing() {
    case $install in
    *apt-get*) names=$2 ;;
    *) names=$3 ;;
    esac
    if [ -n "$install" ] && [ -n "$names" ]; then
        packages="$packages $names"
        packaged=$((packaged + 1))
        advise "$1" "$install $names"
    else
        advise "$1" "from your system's packages, as on Debian: apt-get install $2"
    fi
}

# advise WHAT HOW
advise() {
    report="$report
  $1
      $2"
}

# at_least 1.95 1.100.2: whether the second version is the first or a later one.
at_least() {
    major=${2%%[!0-9]*}
    minor=${2#*.}
    minor=${minor%%[!0-9]*}
    [ "${major:-0}" -gt "${1%%.*}" ] || { [ "${major:-0}" -eq "${1%%.*}" ] && [ "${minor:-0}" -ge "${1#*.}" ]; }
}

# The value of `rust-version` in Cargo.toml.
minimal_rust() {
    while IFS='"' read -r name value _rest; do
        case $name in rust-version*) echo "$value" ;; esac
    done <Cargo.toml
}

if [ -n "$linux" ] && [ "$(uname -s 2>/dev/null)" != Linux ]; then
    advise "Linux: the functions run as they are deployed, without Docker" "a virtual machine or a container with Linux"
fi

if [ -n "$rust" ]; then
    minimum=$(minimal_rust)
    rustup='curl --proto =https --tlsv1.2 -sSf https://sh.rustup.rs | sh    (https://rustup.rs)'
    # rustup is not to fetch a toolchain now.
    if ! has cargo || ! has rustc; then
        advise "Rust $minimum or later" "$rustup"
    elif ! output=$(RUSTUP_AUTO_INSTALL=0 cargo --version 2>&1); then
        advise "Rust $minimum or later: cargo does not run (${output%%
*})" "rustup default stable"
    else
        version=${output#cargo }
        version=${version%% *}
        if ! at_least "$minimum" "$version"; then
            has rustup && how='rustup update stable' || how=$rustup
            advise "Rust $minimum or later; this is $version" "$how"
        elif [ -n "$components" ]; then
            for component in rustfmt clippy; do
                RUSTUP_AUTO_INSTALL=0 "cargo-${component#rust}" --version >/dev/null 2>&1 ||
                    advise "cargo ${component#rust}" "rustup component add $component"
            done
        fi
    fi
fi

# With the headers of the C library: some crates compile C.
if [ -n "$compiler" ] && ! echo '#include <stdlib.h>' | ${CC:-cc} -fsyntax-only -x c - >/dev/null 2>&1; then
    case $install in
    brew*) advise "a C compiler" "xcode-select --install" ;;
    *) missing "a C compiler" build-essential "" ;;
    esac
fi

if [ -n "$python" ]; then
    if ! has python3; then
        missing "Python 3.11 or later" "python3 python3-venv" python
    else
        # It fails on Debian where python3-venv is not installed.
        version=$(python3 -I -S -c 'import sys; print("%d.%d" % sys.version_info[:2]); import ensurepip, venv' 2>/dev/null)
        has_modules=$?
        if ! at_least 3.11 "$version"; then
            missing "Python 3.11 or later; this is $version" "python3 python3-venv" python
        elif [ "$has_modules" != 0 ]; then
            missing "Python's modules venv and ensurepip" python3-venv python
        fi
    fi
fi

if [ -n "$java" ]; then
    if ! has java; then
        missing "a Java runtime, 17 or later" default-jre-headless openjdk
    else
        # openjdk version "17.0.15" 2025-04-15
        version=$(java -version 2>&1)
        version=${version#*version \"}
        version=${version%%\"*}
        at_least 17.0 "$version" ||
            missing "a Java runtime, 17 or later; this is ${version%%
*}" default-jre-headless openjdk
    fi
fi

# The browser in which the pages are tested.
if [ -n "$chromium" ]; then
    has "${CHROME_PATH:-chromium}" || missing "Chromium, which CHROME_PATH may name" chromium ""
fi

# The proxy that guards a page in the tests. Debian keeps it where only root looks for programs.
if [ -n "$nginx" ]; then
    has "${NGINX_PATH:-/usr/sbin/nginx}" || missing "nginx, which NGINX_PATH may name" nginx-light nginx
fi

if [ -n "$git" ]; then
    has git || missing git git git
fi

if [ -n "$report" ]; then
    echo "This machine lacks what make $* needs:
$report" >&2
    # One command for all of them.
    [ "$packaged" -lt 2 ] || echo "
  All packages at once: $install$packages" >&2
    exit 2
fi

# Nothing depends on them but the examples.
if [ "$*" = local ]; then
    for tool in curl jq; do
        has $tool || echo "The examples of the README need $tool, which this machine lacks." >&2
    done
fi
