#!/bin/sh
# Resolves every dependency afresh in a throw-away environment and writes exact versions, without addresses.
set -eu
cd "$(dirname "$0")/.."
fresh="$(mktemp -d)"
trap 'rm -rf "$fresh"' EXIT
"${PYTHON:-python3}" -m venv "$fresh"
"$fresh/bin/pip" install --quiet --upgrade pip
"$fresh/bin/pip" install --quiet "torch==${TORCH:-2.13.0}"
"$fresh/bin/pip" install --quiet -e ".[starter,community,dev]"
{
    echo "# Exact versions that this release was tested with; made by \`make constraints\`."
    # A local version such as +cpu names one build of many: the plain number serves them all.
    "$fresh/bin/pip" freeze --exclude-editable --exclude lastro | sed -e 's/ @ .*//' -e 's/+cpu$//' | grep '=='
} > constraints.txt.new
mv constraints.txt.new constraints.txt
