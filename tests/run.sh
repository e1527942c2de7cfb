#!/usr/bin/env bash
# Runs all tests: unit tests, the integration tests of tests/it (one binary), and the examples in the documentation.
#
# It needs cargo and a C compiler. redis-server, which tests/it/support/redis.rs starts for itself on a socket in a temporary
# folder, and Python with venv, for the vendors' own SDKs and the statistics packages of tests/interop, are installed if they are
# missing and may be installed. Once all is installed, the tests open no connection beyond loopback, share nothing with
# other runs, and leave nothing behind.
#
#   ./tests/run.sh             everything
#   ./tests/run.sh crash       only tests whose names contain "crash", and none of tests/interop
#
# Longer proofs, by environment variable:
#
#   KILLS=1000 ./tests/run.sh crash::rounds    rounds of kill -9 of all kinds together, and as many
#                                              on Redis (30 if unset)
#   KILL_SEED=7 ./tests/run.sh under_load      the one round that a failure named
#   KILL_TABLE=docs/kills.md                   brings the table in that file up to date
#
# Not run here, for it needs Chromium: ./tests/browser/run.sh, which uses the page of `hookyard eval --html` as a reader would.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'tests/run.sh: %s\n' "$*" >&2; }

has() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root; fails where that is not permitted without a password.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n -- "$@"; fi
}

may_be_root() {
    [ "$(id -u)" = 0 ] || { has sudo && sudo -n true 2>/dev/null; }
}

# Package lists may be absent (a fresh machine) or stale, and another run may be installing the same thing now.
with_apt_get() {
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300
        install --no-install-recommends "$@")
    as_root "${install[@]}" && return
    as_root apt-get -qq -o DPkg::Lock::Timeout=300 update || true
    as_root "${install[@]}"
}

with_dnf() { as_root dnf -q -y install "$@"; }

with_apk() { as_root apk add --quiet "$@"; }

with_brew() { brew install --quiet "$@"; }

# Installs what is missing: what it is, how to see that it is there, and its packages on Debian and elsewhere.
provide() {
    local what=$1 there=$2 on_debian=$3 elsewhere=$4 with packages=$4 said
    "$there" && return
    local remedy="install $on_debian (Debian, Ubuntu) or $elsewhere (elsewhere)"
    if has apt-get && may_be_root; then with=apt-get packages=$on_debian
    elif has dnf && may_be_root; then with=dnf
    elif has apk && may_be_root; then with=apk
    elif has brew && [ "$(id -u)" != 0 ]; then with=brew
    else
        say "$what is missing, and this user may not install it: $remedy"
        exit 1
    fi
    say "$what is missing: installing it with $with"
    # The packages are words of their own.
    # shellcheck disable=SC2086
    said=$("with_${with//-/_}" $packages 2>&1) || true
    if ! "$there"; then
        printf '%s\n' "$said" >&2
        say "$what could not be installed: $remedy"
        exit 1
    fi
}

has_redis() { has redis-server; }

has_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && return
    done
    return 1
}

missing=0
if ! has cargo; then
    say "cargo is missing: install Rust from https://rustup.rs and open a new shell"
    missing=1
fi
if ! { has cc && echo '#include <stdlib.h>' | cc -E -x c - >/dev/null 2>&1; }; then
    say "a C compiler is missing: install one, such as the packages gcc and libc6-dev (Debian) or gcc and glibc-devel (Fedora)"
    missing=1
fi
[ "$missing" = 0 ] || exit 1

provide redis-server has_redis redis-server redis
[ "$#" != 0 ] || provide "Python 3.11 with venv" has_python "python3 python3-venv" python3

# On a terminal cargo shows how far it is; elsewhere a line is enough, and errors are shown all the same.
quiet=()
[ -t 2 ] || quiet=(--quiet)
say "building the tests; the first time takes some minutes"
cargo test --locked ${quiet[@]+"${quiet[@]}"} --no-run
say "running them, rounds of kills: ${KILLS:-30}"
well=0
cargo test --locked --quiet --no-fail-fast -- "$@" || well=1
[ "$#" != 0 ] || HOOKYARD="${CARGO_TARGET_DIR:-target}/debug/hookyard" ./tests/interop/run.sh contract figures || well=1
exit "$well"
