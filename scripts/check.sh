#!/bin/sh
# Checks everything, on a machine that has nothing but Python 3.11 or newer: makes an
# environment in .venv-test, installs the project and its pinned tools there, and runs the
# formatter, the linter, both type checkers, the strict build of the docs and all tests.
# Arguments go to pytest:
#   sh scripts/check.sh -k laws -x
set -eu
cd "$(dirname "$0")/.."
unset PYTHONPATH PYTHONHOME

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

env=.venv-test
if ! "$env/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    step "$python" -m venv --clear "$env"
fi
bin=$env/bin
PATH=$PWD/$bin:$PATH  # pyright asks the first python on PATH what is installed

step "$bin/python" -m pip install --quiet --disable-pip-version-check -e '.[dev,docs,all]'
step "$bin/ruff" format --check .
step "$bin/ruff" check .
step "$bin/mypy"
step "$bin/pyright"
step env PYTHON="$bin/python" sh scripts/docs.sh
step "$bin/python" -m pytest "$@"
