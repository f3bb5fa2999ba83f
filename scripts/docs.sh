#!/bin/sh
# Builds the site of the docs in build/site, and fails at a broken link, a public name without an
# entry in the reference, a docstring that does not agree with its signature, or a page that loads
# something from elsewhere. Needs the extra `docs`.
#   sh scripts/docs.sh               with the python that is first on PATH
#   PYTHON=.venv/bin/python sh scripts/docs.sh
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
pages=build/docs

rm -rf build/docs build/site
mkdir -p build
cp -R docs "$pages"
cp CHANGELOG.md "$pages/changelog.md"
# The pages lie in one folder now, so the links of those from the root lose a step.
sed -e 's#](docs/#](#g' -e 's#](CHANGELOG.md)#](changelog.md)#g' CONTRIBUTING.md > "$pages/contributing.md"
"$python" -m scripts.reference "$pages/reference"
log=build/zensical.log
"$python" -m zensical build --strict --clean >"$log" 2>&1 || { cat "$log"; exit 1; }
cat "$log"
if grep '^griffe:' "$log" >/dev/null; then
    echo "a docstring does not agree with its signature, see the lines of griffe above" >&2
    exit 1
fi
"$python" -m scripts.llms_txt "$pages" build/site
"$python" -m scripts.check_site build/site
