#!/bin/sh
# Makes .venv and installs Lastro into it: `install.sh demo` for use, `install.sh test` for development.
# Does nothing when what it would install is already there.
set -eu
cd "$(dirname "$0")/.."

PYTHON="${PYTHON:-python3}"
set -- "${1:-demo}"
case "$1" in
    demo) extras="starter" ;;
    test) extras="starter,multilingual,community,dev" ;;
    *) echo "usage: install.sh demo|test" >&2; exit 2 ;;
esac
say() { printf '\033[1m==>\033[0m %s\n' "$*"; }

wanted="$(cat pyproject.toml constraints.txt | cksum) ${CMAKE_ARGS:-}"
for done_by in "$1" test; do
    stamp=".venv/.lastro-$done_by"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi
done

if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "Lastro needs Python 3.11 or newer; '$PYTHON' is $("$PYTHON" --version 2>&1 || echo missing)." >&2
    echo "Install one and run: make ${1} PYTHON=/path/to/python3.11" >&2
    exit 1
fi

# llama-cpp-python is compiled here; say so before anything is downloaded.
if [ ! -d .venv/lib ] || ! ls -d .venv/lib/python3*/site-packages/llama_cpp >/dev/null 2>&1; then
    if ! command -v "${CXX:-c++}" >/dev/null 2>&1 && ! command -v g++ >/dev/null 2>&1 && ! command -v clang++ >/dev/null 2>&1; then
        {
            echo "llama-cpp-python is compiled on your machine and there is no C++ compiler. Install one, then run this again:"
            echo "  Debian, Ubuntu:  sudo apt-get install build-essential"
            echo "  Fedora:          sudo dnf install gcc-c++ make"
            echo "  macOS:           xcode-select --install"
        } >&2
        exit 1
    fi
fi

if [ ! -x .venv/bin/python ]; then
    say "Making .venv with $("$PYTHON" --version)"
    # Debian's python3 without python3-venv has no ensurepip; pip can then install itself from outside.
    "$PYTHON" -m venv .venv 2>/dev/null || {
        rm -rf .venv
        "$PYTHON" -m venv --without-pip .venv
        "$PYTHON" -m pip --python .venv/bin/python install --quiet pip
    }
fi
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

say "Installing PyTorch"
pip install --quiet -c constraints.txt torch

if ! .venv/bin/python -c 'import importlib.util as u, sys; sys.exit(u.find_spec("llama_cpp") is None)' || [ -n "${CMAKE_ARGS:-}" ]; then
    say "Compiling llama-cpp-python: about 8 minutes on two cores the first time, seconds once pip has cached it"
    if [ -n "${CMAKE_ARGS:-}" ]; then
        say "with CMAKE_ARGS=$CMAKE_ARGS"
        fresh="--force-reinstall --no-cache-dir --no-deps"
    else
        say "This build runs on the CPU. For a GPU stop here and set CMAKE_ARGS, for example:"
        say "  NVIDIA: CMAKE_ARGS='-DGGML_CUDA=on' make $1   Apple: '-DGGML_METAL=on'   others: '-DGGML_VULKAN=on'"
        fresh=""
    fi
    # shellcheck disable=SC2086
    ( pip install --quiet -c constraints.txt $fresh llama-cpp-python ) &
    build=$!
    minutes=0
    trap 'kill $build 2>/dev/null || true; exit 130' INT TERM
    while kill -0 "$build" 2>/dev/null; do
        for _ in 1 2 3 4 5 6; do sleep 5; kill -0 "$build" 2>/dev/null || break; done
        minutes=$((minutes + 1))
        kill -0 "$build" 2>/dev/null && [ $((minutes % 2)) -eq 0 ] && say "... still compiling ($((minutes / 2)) min)"
    done
    wait "$build"
    trap - INT TERM
fi

say "Installing Lastro and the rest [$extras]: a minute or two, without a word until it is done"
pip install --quiet -c constraints.txt -e ".[$extras]"
# Beside a clone that is called "lastro" Python would take the clone's folder for the package, which a plain path prevents.
# It needs the links of src/lastro, which git does not make everywhere.
if [ -f src/lastro/vectorstore/__init__.py ]; then
    for packages in .venv/lib/python3*/site-packages; do pwd | sed 's|$|/src|' > "$packages/lastro-src.pth"; done
fi
printf '%s' "$wanted" > ".venv/.lastro-$1"
say "Installed"
