# `make chat` and `make test` are all one needs; both set up .venv first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
CMAKE_ARGS_USED := $(VENV)/.cmake-args

.DEFAULT_GOAL := help
.PHONY: help setup chat test lint screenshots clean tools

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## make .venv with the pinned dependencies (done for you by the others)

chat: $(STAMP) ## start the chat in the browser; options in ARGS="--port 7861"
	@$(BIN)/valueflow $(ARGS)

test: lint ## check style and types, then run every test
	@$(BIN)/pytest

lint: $(STAMP) ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

screenshots: $(STAMP) ## take the pictures of README and docs/guide.md again (needs chromium)
	@$(BIN)/python -m tests.browser.screenshots

clean: ## remove .venv and the caches; conversations and profiles stay
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# CMAKE_ARGS chooses how llama.cpp is compiled (-DGGML_CUDA=on). A change of it compiles again,
# past pip's cache, which knows nothing of it; leaving it out later keeps what is there.
ifneq ($(CMAKE_ARGS),)
ifneq ($(CMAKE_ARGS),$(shell cat $(CMAKE_ARGS_USED) 2>/dev/null))
.PHONY: $(STAMP)
RECOMPILE := yes
endif
endif

# For GCC 12 _tile_loadconfig reads 8 of its 64 bytes, so it leaves out the rest of llama.cpp's
# tile configuration, and the first product dies of it. Where GCC would compile for a processor
# with AMX, it is told not to; a wheel from pip's cache may have been compiled without being told.
CXX_USED := $(shell for c in "$$CXX" c++ g++; do command -v "$$c" 2>/dev/null && break; done)
HAS_AMX := $(shell printf '\043if defined __AMX_TILE__ && !defined __clang__\nyes\n\043endif\n' | \
    "$(CXX_USED)" -march=native -x c++ -E -P - 2>/dev/null)
ifeq ($(HAS_AMX),yes)
NO_AMX := -mno-amx-tile -mno-amx-int8 -mno-amx-bf16
export CFLAGS += $(NO_AMX)
export CXXFLAGS += $(NO_AMX)
ifeq ($(wildcard $(CMAKE_ARGS_USED)),)
RECOMPILE := yes
endif
endif

$(STAMP): pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory tools
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV). The first time, llama.cpp is compiled: allow some minutes."
ifeq ($(RECOMPILE),yes)
	@$(BIN)/python -m pip install --force-reinstall --no-cache-dir --no-deps \
	    --no-binary llama-cpp-python -c constraints.txt llama-cpp-python
	@printf '%s\n' '$(CMAKE_ARGS)' > $(CMAKE_ARGS_USED)
endif
	@$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

# What has to be there before: one sentence each where it is not.
tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=python3.12." >&2; exit 1; }
	@for compiler in "$$CXX" c++ g++ clang++; do \
	    [ -n "$$compiler" ] && command -v $$compiler >/dev/null 2>&1 && exit 0; done; \
	    echo "A C++ compiler is needed to build llama.cpp: apt install g++, or xcode-select --install on a Mac." >&2; exit 1
	@command -v cmake >/dev/null 2>&1 || \
	    { echo "cmake is needed to build llama.cpp: apt install cmake, or brew install cmake on a Mac." >&2; exit 1; }
