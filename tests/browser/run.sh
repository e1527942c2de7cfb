#!/usr/bin/env bash
# The page of `hookyard eval --html` in a real browser, without a window: it must log no error, ask for nothing, let nothing of
# a stranger be more than text, and be fit for use at 400 and 1600 pixels, light and dark, with every column of its tables in sight at 1200.
#
#   ./tests/browser/run.sh            the shipped suites, hostile cases, and a comparison
#   ./tests/browser/run.sh SHOTS      the same, with screenshots in the folder SHOTS
#
# HOOKYARD names the program to be tested; without it cargo builds target/debug/hookyard. CHROMIUM names the browser; without it
# the usual names and places are looked at.
#
# It needs Chromium or Chrome, and Node.js 20 or newer with npm. What drives the browser is installed once, by hash, into
# tests/browser/node_modules; after that no connection is opened beyond loopback.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$here/../.."

say() { printf 'tests/browser/run.sh: %s\n' "$*" >&2; }

shots=
if [ $# -gt 0 ]; then
    mkdir -p "$1"
    shots="$(cd "$1" && pwd)"
fi

if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' >/dev/null 2>&1 || ! command -v npm >/dev/null; then
    say "Node.js 20 or newer with npm is missing: install the packages nodejs and npm, or see https://nodejs.org"
    exit 1
fi

if [ -z "${CHROMIUM:-}" ]; then
    for name in chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Chromium.app/Contents/MacOS/Chromium" "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if CHROMIUM=$(command -v "$name"); then break; fi
    done
fi
if ! command -v "${CHROMIUM:-}" >/dev/null; then
    say "Chromium is missing: install the package chromium (Debian, Fedora, Alpine), chromium-browser (Ubuntu) or, on macOS," \
        "\`brew install --cask chromium\`; or set CHROMIUM to where it is"
    exit 1
fi
CHROMIUM=$(command -v "$CHROMIUM")
export CHROMIUM

if [ -z "${HOOKYARD:-}" ]; then
    quiet=()
    [ -t 2 ] || quiet=(--quiet)
    (cd "$root" && cargo build --locked ${quiet[@]+"${quiet[@]}"})
    HOOKYARD="${CARGO_TARGET_DIR:-$root/target}/debug/hookyard"
fi
[ -x "$HOOKYARD" ] || { say "HOOKYARD is no program: $HOOKYARD"; exit 2; }
HOOKYARD="$(cd "$(dirname "$HOOKYARD")" && pwd)/$(basename "$HOOKYARD")"
export HOOKYARD

cd "$here"
if ! cmp -s package-lock.json node_modules/.installed; then
    say "installing what drives the browser; this is done once"
    npm ci --loglevel=error --no-audit --no-fund --ignore-scripts >&2
    cp package-lock.json node_modules/.installed
fi
node check.mjs ${shots:+"$shots"}
