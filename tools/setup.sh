#!/bin/sh
# Makes .venv: torch first, by plain pip (each machine may want another index), then the lock with its hashes.
# A stamp makes a second run quick; an interrupted one is done again.
set -eu
python=${PYTHON:-python3}
index=${TORCH_INDEX:-}

command -v "$python" >/dev/null || { echo "There is no $python. Install Python 3.11 or newer, or name one: make demo PYTHON=python3.12" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "$python is $("$python" --version 2>&1); Antigrad needs Python 3.11 or newer. Name one: make demo PYTHON=python3.12" >&2; exit 1; }
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    { echo "$python has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

wanted=$({ "$python" -c 'import sys; print(sys.version, sys.base_prefix)'; echo "$index"; cat requirements-dev.lock pyproject.toml; } | cksum)
[ "$(cat .venv/stamp 2>/dev/null)" = "$wanted" ] && exit 0

echo "Making .venv (some minutes the first time) …"
rm -rf .venv
"$python" -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check ${index:+--index-url "$index"} torch==2.13.0
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
echo "$wanted" > .venv/stamp
