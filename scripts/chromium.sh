#!/bin/sh
# Installs Debian's Chromium, for the tests that drive a page (`-m browser`), where there is none.
#   sh scripts/chromium.sh
set -eu

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then
        exit
    fi
done
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    echo "The tests of pages need Chromium: on Debian, as root, 'apt-get install chromium'." >&2
    exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
