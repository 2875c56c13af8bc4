#!/bin/sh
# Make .venv with the project's dependencies, once: uv when present, else venv + pip.
# tools/setup.sh [EXTRAS]: extras of pyproject.toml, by default dev.
# A finished environment leaves a stamp; a change of pyproject.toml or constraints.txt makes it stale.
set -eu
cd "$(dirname "$0")/.."
extras=${1:-dev}
stamp=".venv/.taggant-ready-$extras"
if [ -f "$stamp" ] && [ ! pyproject.toml -nt "$stamp" ] && [ ! constraints.txt -nt "$stamp" ]; then
    exit 0
fi

fail() { printf 'taggant set-up: %s\n' "$1" >&2; exit 1; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null 2>&1 ||
    fail "no '$python' on the PATH. Install Python 3.10 or newer, or name one: make PYTHON=/path/to/python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "$("$python" --version 2>&1) is too old: Python 3.10 or newer is needed (make PYTHON=/path/to/python)"
if [ ! -d .venv ]; then
    free_kb=$(df -Pk . | awk 'NR == 2 { print $4 }')
    [ "$free_kb" -ge $((8 * 1024 * 1024)) ] ||
        fail "$((free_kb / 1024 / 1024)) GB free here, 8 GB are needed for the packages (PyTorch alone takes 5)"
fi

printf 'taggant set-up: installing the packages into .venv (about 7 GB, a few minutes, once)\n'
if command -v uv >/dev/null 2>&1; then
    [ -x .venv/bin/python ] || uv venv --quiet --python "$python" .venv
    uv pip install --quiet --python .venv/bin/python -c constraints.txt -e ".[$extras]"
else
    [ -x .venv/bin/python ] || "$python" -m venv .venv ||
        fail "'$python -m venv' failed: on Debian or Ubuntu install the package python3-venv, then try again"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$extras]"
fi
touch "$stamp"
