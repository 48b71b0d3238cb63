#!/bin/sh
# Creates the environment of other servers in .venv, with the version of PyTorch that the service has.
# They pin other versions of libraries than the service does.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}
index=${TORCH_INDEX:-}

wanted=$({ "$python" -c 'import sys; print(sys.version, sys.base_prefix)'; cat requirements.txt; } | cksum)
[ -f .venv/stamp ] && [ "$(cat .venv/stamp)" = "$wanted" ] && exit 0

rm -rf .venv
"$python" -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check ${index:+--index-url "$index"} torch==2.13.0
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
printf '%s\n' "$wanted" > .venv/stamp
