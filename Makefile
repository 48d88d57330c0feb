# make demo: set up, train, export, build, verify in Python and C++.   make test: set up and run every test.
# Everything stays in .venv/ and build/; a second run finds both up to date.

# The interpreter of .venv; empty: the first of python3, python3.13 ... python3.10 that fits.
PYTHON      ?=
JOBS        ?= 2
BIN         := .venv/bin
# An index of torch builds, e.g. TORCH_INDEX=https://download.pytorch.org/whl/cpu (or cu130); empty: .ci/python-environment chooses.
TORCH_INDEX ?=
# Another line of torch: the rows of constraints/torch-LINE.txt stand in for those of constraints.txt.
TORCH       ?=
# Another CMake than the wheel in .venv.
CMAKE       ?= $(BIN)/cmake
DATA_ROOT   ?= $(if $(wildcard ../shared/data/MNIST),../shared/data,data)
# Of each fuzzer.
SECONDS     ?= 20
export PYTHON TORCH_INDEX TORCH CMAKE
export FERRY_DATA_ROOT := $(if $(filter /%,$(DATA_ROOT)),$(DATA_ROOT),$(CURDIR)/$(DATA_ROOT))
# What the caller's shell has for other projects.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV FERRY_ENGINE_DIR

CPP_PACKAGES  := nlohmann-json3-dev libcli11-dev libgtest-dev libbenchmark-dev libsodium-dev libstb-dev libjpeg-dev libseccomp-dev
packages_of    = $$(grep -v '^\#' $(1))
# Of lines "program package": the packages whose program is not here.
missing_of     = $$(grep -v '^\#' $(1) | while read -r program package; do command -v $$program >/dev/null || echo $$package; done)

.NOTPARALLEL:
# Steps that write .venv, build or runs: one `make` of this folder at a time.
ALONE         := @.ci/alone

.PHONY: wheel deb docs help setup setup-edge setup-cross compiler configure programs build demo test test-tools test-python test-cpp test-quick test-slow test-fresh mutants matrix fuzz lint format manual exported bench clean
help:
	@echo "make demo | test | test-slow | mutants | setup-edge | setup-cross | matrix | fuzz | lint | format | manual | docs | exported | wheel | deb | bench | clean"

setup:
	$(ALONE) .ci/python-environment
	$(ALONE) .ci/system-packages "CMake fetches the libraries" $(CPP_PACKAGES)

# Small tools of the tests; without one of them its tests are skipped, with a reason.
test-tools:
	$(ALONE) .ci/system-packages "the tests that need them are skipped" $(call packages_of,tests/packages.txt)

# Cross compilers, emulators and a browser for tests/edge, other languages for tests/bindings, Ray, MkDocs and the tools that
# torchferry.integrations goes into; without them their tests are skipped.
setup-edge: setup test-tools
	$(ALONE) .ci/ray-packages
	$(ALONE) .ci/docs-packages
	$(ALONE) .ci/habit-packages
	$(ALONE) .ci/system-packages "the tests that need them are skipped" $(call packages_of,tests/edge/packages.txt) $(call missing_of,tests/bindings/packages.txt)

# Compilers for other systems, for tests/package/test_other_systems.py; without one of them its tests are skipped.
setup-cross: setup
	$(ALONE) .ci/cross-packages
	$(ALONE) .ci/system-packages "the tests that need them are skipped" $(call packages_of,tests/package/packages.txt)

# Before minutes of pip.
compiler:
	$(ALONE) .ci/compiler

configure: compiler setup
	$(ALONE) .ci/configure

# What `ferry` and C++ programs need, without the tests.
programs: configure
	$(ALONE) $(BIN)/ninja -C build -j $(JOBS) ferry ferry-run ferry_engines

build: configure
	$(ALONE) $(BIN)/ninja -C build -j $(JOBS)

demo: programs
	$(ALONE) env PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ferry demo --ferry-run build/bin/ferry-run

test: test-tools test-python

# The C++ tests, and those of the packages: a minute, for a machine that is new.
test-quick: test-cpp
	$(BIN)/python -m pytest -n $(JOBS) tests/package

# Exhaustive tests, over all float32 values for instance, and the set-up on machines that are not this one.
test-slow: build setup-cross test-fresh
	$(BIN)/python -m pytest -m slow

# A minimal Debian in a folder: set-up, demo and quick tests as root and as a user without sudo, in odd folders, moved, interrupted.
test-fresh:
	@tests/fresh/run

# One-line changes of the product, each against the tests that must notice it, in a copy of the tree: some 20 minutes.
mutants: setup
	@$(BIN)/python tests/mutants/run.py

# Demo, parity and conformance with each torch, Python, CMake and compiler of tests/fresh/matrix.txt.
matrix:
	@tests/fresh/matrix

# Every parser, the doors too, for SECONDS each; hours with SECONDS=3600. `make lint` does it for 20 seconds.
fuzz: setup
	@tests/fuzz/run $(SECONDS) $(JOBS)

test-cpp: build
	$(BIN)/ctest --test-dir build --output-on-failure -j $(JOBS)

test-python: test-cpp
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

c_sources = $$(find cpp tests -name '*.cpp' -o -name '*.hpp' -o -name '*.c' -o -name '*.h')
lint: build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(call c_sources)
	.ci/clang-tidy $(BIN)/clang-tidy build
	@$(MAKE) --no-print-directory fuzz

format: setup
	$(BIN)/ruff check --fix -q .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(call c_sources)

# Man pages and completions of both programs, which are kept in git.
manual: programs
	$(BIN)/python -m torchferry.cli.manual share

# What `pip install` takes, in dist/: the sources, and a wheel with every plugin whose runtime is in .venv.
wheel: setup
	$(ALONE) .ci/wheel $(BIN)/python dist

# Debian packages, in dist/: libferry, libferry-dev and ferry-run, with the engine `c`.
deb: build
	$(ALONE) $(BIN)/cpack -G DEB --config build/CPackConfig.cmake -B dist

# The documentation site, in build/site: every link and anchor is checked, nothing in it is loaded from elsewhere.
docs: setup
	$(ALONE) .ci/docs-packages
	$(ALONE) $(BIN)/python -m mkdocs build --quiet --strict

# The reference bundles that are kept in git.
NOTICE := --metadata licence=BSD-3-Clause --metadata 'source=trained by `ferry train` on the data set of scikit-learn'
exported: setup
	$(BIN)/ferry train iris-adaline
	$(BIN)/ferry export iris-adaline --to torchscript,onnx --force $(NOTICE)
	$(BIN)/ferry train digits-mlp
	$(BIN)/ferry export digits-mlp --to torchscript,onnx --force $(NOTICE)

# The tables of tests/bench/RESULTS.md, printed: on an idle machine, some minutes.
bench: build
	$(BIN)/python tests/bench/crossing_speed.py
	$(BIN)/python tests/bench/startup.py
	$(BIN)/python tests/bench/train_speed.py --data-root $(DATA_ROOT)

clean:
	$(ALONE) rm -rf build build-* dist runs
