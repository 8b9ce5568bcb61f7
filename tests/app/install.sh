#!/usr/bin/env bash
# Install the browser that the tests of the page drive (packages.txt), as root on Debian.
set -euo pipefail
cd "$(dirname "$0")"
command -v chromium chromium-browser google-chrome >/dev/null && exit 0
apt-get update -qq || echo "apt-get update failed: going on with the lists at hand" >&2
xargs -a packages.txt env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends > /dev/null
