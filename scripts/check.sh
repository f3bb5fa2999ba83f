#!/bin/sh
set -eu
cd "$(dirname "$0")/.."
unset PYTHONPATH PYTHONHOME

usage() {
    cat <<'EOF'
usage: sh scripts/check.sh [--quick] [pytest arguments]

Checks everything, on a machine that has nothing but Python 3.11 or newer: makes an
environment in .venv-test, installs the project and its pinned tools there, and runs the
formatter, the linter, both type checkers, the strict build of the docs and all tests.

  --quick    leave out the tests that need a server, the local model, packages of npm or a
             browser, or are slow; run the others in two processes, with few examples for
             each property
  --help     print this

All else goes to pytest:
  sh scripts/check.sh -k laws -x
  sh scripts/check.sh --quick tests/parsers
EOF
}

step() {
    printf '\n== %s\n' "$*"
    "$@"
}

usable() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if usable "$name"; then
            echo "$name"
            return
        fi
    done
    echo "Python 3.11 or newer, with venv, is needed (on Debian: apt-get install python3-venv)" >&2
    return 1
}

quick=
case ${1-} in
--help | -h)
    usage
    exit
    ;;
--quick)
    quick=yes
    shift
    ;;
esac

env=.venv-test
bin=$env/bin
installed=$env/pyproject.toml  # a copy of what was installed last

is_installed() {
    "$bin/python" -m pip --version >/dev/null 2>&1 && cmp -s pyproject.toml "$installed"
}

if [ "$quick" ]; then
    echo "The quick check takes less than two minutes on two cores."
else
    echo "The full check takes about twenty-five minutes on two cores; --quick takes less than two."
fi
if ! is_installed; then
    echo "It first downloads the tools and libraries, up to 250 MB, into $env."
fi
if [ -z "$quick" ]; then
    echo "The tests fetch the two local models, 93 MB and 84 MB, if they are not in your cache yet,"
    echo "packages of npm for tests/clients, 55 MB, and Debian's Chromium, if there is none."
fi

if ! "$bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    step "$python" -m venv --clear "$env"
fi
PATH=$PWD/$bin:$PATH  # pyright asks the first python on PATH what is installed

if [ -z "$quick" ] || ! is_installed; then
    step "$bin/python" -m pip install --quiet --disable-pip-version-check -e '.[dev,docs,all]'
    cp pyproject.toml "$installed"
fi
if [ -z "$quick" ]; then
    step sh scripts/chromium.sh || echo "The tests that drive a page will fail." >&2
fi
step "$bin/ruff" format --check .
step "$bin/ruff" check .
step "$bin/python" scripts/check_words.py
step "$bin/mypy"
step "$bin/pyright"
if [ "$quick" ]; then
    export HYPOTHESIS_PROFILE="${HYPOTHESIS_PROFILE:-quick}"
    # Whole files go to one process, so that what a file starts is started once.
    set -- -n 2 --dist loadfile -m 'not local_model and not slow and not javascript and not browser' "$@"
fi
if [ -z "$quick" ]; then
    step env PYTHON="$bin/python" sh scripts/docs.sh
fi
if [ "$quick" ] || [ $# -gt 0 ]; then
    step "$bin/python" -m pytest "$@"
    exit
fi
# What runs the local model or Chromium takes both cores by itself.
alone='local_model or browser'
step "$bin/python" -m pytest -n 2 --dist loadfile --max-worker-restart 0 -m "not ($alone)"
step "$bin/python" -m pytest -m "$alone"
