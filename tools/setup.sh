#!/bin/sh
# Creates .venv: first torch with plain pip, since the index depends on the machine, then the lock with its hashes.
# A stamp file makes a second run fast; an interrupted set-up starts again. Without TORCH_INDEX, an installed torch stays.
set -eu
python=${PYTHON:-python3}
index=${TORCH_INDEX:-}

command -v "$python" >/dev/null || { echo "There is no $python. Install Python 3.11 or newer, or name one: make demo PYTHON=python3.12" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "$python is $("$python" --version 2>&1); Antigrad needs Python 3.11 or newer. Name one: make demo PYTHON=python3.12" >&2; exit 1; }
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    { echo "$python has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

wanted=$({ "$python" -c 'import sys; print(sys.version, sys.base_prefix)'; cat requirements-dev.lock pyproject.toml; } | cksum)
if [ -f .venv/stamp ]; then
    made="" from=""
    { read -r made && read -r from; } < .venv/stamp || true
    [ "$made" = "$wanted" ] && [ "${index:-$from}" = "$from" ] && exit 0
    index=${index:-$from}
fi

# pip's warnings are shown only if it fails.
pip() {
    .venv/bin/pip install --quiet --disable-pip-version-check "$@" > .venv/pip.log 2>&1 || { cat .venv/pip.log >&2; exit 1; }
}

echo "Creating .venv: this takes some minutes the first time."
rm -rf .venv
"$python" -m venv .venv
echo "  1 of 3  PyTorch, the largest part"
pip ${index:+--index-url "$index"} torch==2.13.0
echo "  2 of 3  the other libraries"
pip --no-deps --require-hashes -r requirements-dev.lock
echo "  3 of 3  Antigrad itself"
pip --no-deps --no-build-isolation --editable .
printf '%s\n%s\n' "$wanted" "$index" > .venv/stamp
