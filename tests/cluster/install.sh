#!/usr/bin/env bash
# Install what the tests' Slurm cluster runs (packages.txt), as root on Debian or Ubuntu; nothing is started.
set -euo pipefail
cd "$(dirname "$0")"
missing=
for program in slurmctld slurmd munged slurmdbd mariadbd; do
    command -v "$program" > /dev/null || missing=$program
done
[ -z "$missing" ] && exit 0
policy=/usr/sbin/policy-rc.d  # packages start their daemons, unless this refuses it
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq || echo "apt-get update failed: going on with the lists at hand" >&2
xargs -a packages.txt env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends > /dev/null
