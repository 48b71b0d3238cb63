#!/bin/sh
# Creates the environments of other people's tools: a Python one in .venv, and node_modules.
# They pin other versions of libraries than the service does.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}

command -v npm >/dev/null || { echo "There is no npm. On Debian and Ubuntu: apt-get install nodejs npm" >&2; exit 1; }
wanted=$({ "$python" -c 'import sys; print(sys.version, sys.base_prefix)'; cat requirements.txt package-lock.json; } | cksum)
[ -f .venv/stamp ] && [ "$(cat .venv/stamp)" = "$wanted" ] && exit 0

rm -rf .venv node_modules
"$python" -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
npm ci --silent
printf '%s\n' "$wanted" > .venv/stamp
