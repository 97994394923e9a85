#!/bin/sh
# Build llama-bench, llama-cvector-generator and llama-completion, which tests/bench/engine.py
# compares with: `sh tests/bench/llama_tools/build.sh [FOLDER]` puts them into FOLDER/bin (default
# build/llama-tools). Their source is llama-cpp-python's, of the version in constraints.txt; they
# run on the libraries that are installed in .venv, so that both sides do the same arithmetic.
set -eu
cd "$(dirname "$0")/../../.."
out=${1:-build/llama-tools}
python=.venv/bin/python
version=$(sed -n 's/^llama_cpp_python==//p' constraints.txt)
source=$out/source-$version
mkdir -p "$out"

if [ ! -d "$source" ]; then
    "$python" -m pip download -q --no-binary :all: --no-deps -d "$out" "llama-cpp-python==$version"
    mkdir -p "$out/unpacking"
    tar -xzf "$out/llama_cpp_python-$version.tar.gz" -C "$out/unpacking" --strip-components 1
    mv "$out/unpacking" "$source"
fi
libraries=$("$python" -c 'import llama_cpp, pathlib; print(pathlib.Path(llama_cpp.__file__).parent / "lib")')
cmake -S tests/bench/llama_tools -B "$out" -DCMAKE_BUILD_TYPE=Release \
    -DSOURCE="$(realpath "$source")/vendor/llama.cpp" -DLIBRARIES="$libraries" ${CMAKE_ARGS:-}
cmake --build "$out" --parallel "${JOBS:-2}" \
    --target llama-bench llama-cvector-generator llama-completion
