# make demo: set up, train, export, build, verify in Python and C++.   make test: set up and run every test.
# Everything stays in .venv/ and build/; a second run finds both up to date.

PYTHON      ?= python3
JOBS        ?= 2
VENV        := .venv
BIN         := $(VENV)/bin
PIP         := $(BIN)/python -m pip --disable-pip-version-check -q
# An index of torch builds, e.g. TORCH_INDEX=https://download.pytorch.org/whl/cpu (or cu130); empty: pip's own configuration.
TORCH_INDEX ?=
PIP_INDEX   := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
DATA_ROOT   ?= $(if $(wildcard ../shared/data/MNIST),../shared/data,data)
export FERRY_DATA_ROOT := $(abspath $(DATA_ROOT))

PYTHON_READY := $(VENV)/.ready
SYSTEM_READY := $(VENV)/.system-ready
CPP_READY    := build/CMakeCache.txt
CPP_PACKAGES := nlohmann-json3-dev libcli11-dev libgtest-dev libbenchmark-dev libsodium-dev libstb-dev

.PHONY: help setup setup-edge build demo test test-python test-cpp test-slow lint format exported bench clean
help:
	@echo "make demo | test | setup-edge | lint | format | exported | bench | clean"

setup: $(PYTHON_READY) $(SYSTEM_READY)

$(PYTHON_READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install $(PIP_INDEX) -c constraints.txt -e ".[dev]"
	@$(PIP) install $(PIP_INDEX) -c constraints.txt -e ".[executorch]" || echo "no ExecuTorch here: the engine executorch is left out"
	@touch $@

# Debian packages where the user may install them; CMake fetches what is missing (cmake/Dependencies.cmake).
$(SYSTEM_READY): | $(PYTHON_READY)
	@.ci/system-packages "CMake fetches the libraries" $(CPP_PACKAGES)
	@touch $@

# Cross compilers, emulators and a browser for tests/edge; without them those tests are skipped.
setup-edge: setup
	@.ci/system-packages "the tests that need them are skipped" $$(grep -v '^#' tests/edge/packages.txt)

$(CPP_READY): CMakeLists.txt | setup
	$(BIN)/cmake --preset release -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) \
	  -DCMAKE_PREFIX_PATH="$$($(BIN)/python -c 'import torch; print(torch.utils.cmake_prefix_path)')"

build: setup $(CPP_READY)
	@$(BIN)/cmake --build build -j $(JOBS)

demo: build
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/ferry demo --ferry-run build/bin/ferry-run

test: test-python

# Exhaustive tests, over all float32 values for instance.
test-slow: build
	$(BIN)/python -m pytest -m slow

test-cpp: build
	$(BIN)/ctest --test-dir build --output-on-failure -j $(JOBS)

test-python: test-cpp
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: setup build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files '*.cpp' '*.hpp' '*.c' '*.h')
	.ci/clang-tidy $(BIN)/clang-tidy build

format: setup
	$(BIN)/ruff check --fix -q .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.cpp' '*.hpp' '*.c' '*.h')

# The reference bundles that are kept in git.
exported: setup
	$(BIN)/ferry train iris-adaline
	$(BIN)/ferry export iris-adaline --to torchscript,onnx --force
	$(BIN)/ferry train digits-mlp
	$(BIN)/ferry export digits-mlp --to torchscript,onnx --force

# The tables of tests/bench/RESULTS.md, printed: on an idle machine, some minutes.
bench: build
	$(BIN)/python tests/bench/crossing_speed.py
	$(BIN)/python tests/bench/startup.py
	$(BIN)/python tests/bench/train_speed.py --data-root $(DATA_ROOT)

clean:
	rm -rf build build-* runs
