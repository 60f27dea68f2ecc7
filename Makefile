# Everything that these commands need is installed inside this folder (.venv and .cache);
# the machine needs make, Python 3.11 or newer with venv, and a way to the package indexes.
# Written for GNU make 3.81, which macOS ships.

PYTHON ?=
BOOTSTRAP := .cache/bootstrap
UV := $(BOOTSTRAP)/bin/uv
BIN := .venv/bin
INSTALLED := .venv/.installed
TORCH_BIN := .venv-torch/bin
TORCH_INSTALLED := .venv-torch/.installed
CLIENT := tests/e2e/typescript
CLIENT_INSTALLED := $(CLIENT)/node_modules/.installed
HOME_FOLDER := $(CURDIR)/.cache/home
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes $(LOCK_FLAGS)
COMPILE_TORCH := $(COMPILE) pyproject.toml --extra cpu --extra mythos --group test --group build \
	--override requirements/torch.in -o requirements/torch.txt
SYNC := $(UV) pip sync --quiet --compile-bytecode --require-hashes \
	--build-constraints requirements/build.txt --require-build-hashes
SYNC_DEV := $(SYNC) --python $(BIN)/python requirements/dev.txt
SYNC_TORCH := $(SYNC) --python $(TORCH_BIN)/python requirements/torch.txt
# PyTorch's CPU builds for Linux are not on PyPI: where no other place of packages is set that
# has them, uv asks PyTorch's own, which it knows by this name.
CPU_BUILDS := --torch-backend cpu
# node reads no SSL_CERT_FILE; certificates that are set for the others are handed on.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" NODE_EXTRA_CA_CERTS="$${NODE_EXTRA_CA_CERTS:-$$SSL_CERT_FILE}" npm --prefix $(CLIENT) --no-audit --no-fund --no-update-notifier

UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
UV_HTTP_TIMEOUT ?= 120
UV_PYTHON_DOWNLOADS := never
UV_CUSTOM_COMPILE_COMMAND := make lock
npm_config_cache ?= $(CURDIR)/.cache/npm
export UV_CACHE_DIR UV_HTTP_TIMEOUT UV_PYTHON_DOWNLOADS UV_CUSTOM_COMPILE_COMMAND npm_config_cache

# uv does not read pip's configuration; what is set for pip only is handed on: an index, and for
# PyTorch places with packages.
WITH_INDEX := index="$${UV_DEFAULT_INDEX:-$${UV_INDEX_URL:-$${PIP_INDEX_URL:-`$(BOOTSTRAP)/bin/python -m pip config get global.index-url 2>/dev/null`}}}"; \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$$index"; fi;
WITH_LINKS := links="$${UV_FIND_LINKS:-`echo $${PIP_FIND_LINKS:-$$($(BOOTSTRAP)/bin/python -m pip config get global.find-links 2>/dev/null)} | tr ' ' ','`}"; \
	if [ -n "$$links" ]; then export UV_FIND_LINKS="$$links"; fi;

.PHONY: help env demo model test test-torch check format bench docs lock clean

help:
	@echo "make demo    watch a real local model answer through ACP"
	@echo "make test    run the whole test suite        (one file: make test ARGS=tests/test_house.py)"
	@echo "make test-torch  the tests that need PyTorch, in an environment of their own"
	@echo "make check   linters, types, import contracts"
	@echo "make format  apply the formatter and the safe fixes"
	@echo "make bench   run the benchmarks"
	@echo "make docs    build docs/ into build/site; broken links are errors"
	@echo "make env     build .venv, which all of the above do by themselves"
	@echo "make lock    renew requirements/*.txt        (newest versions: make lock LOCK_FLAGS=--upgrade)"
	@echo "make clean   remove what these commands have made"

env: $(INSTALLED) $(CLIENT_INSTALLED)

demo: model
	@ACP_AGENT_HOME="$(HOME_FOLDER)" $(BIN)/acp-agent demo $(ARGS)

test: env model
	@ACP_AGENT_TEST_HOME="$(HOME_FOLDER)" $(BIN)/python -m pytest $(ARGS)

# Only the files that name the marker are read: finding all tests takes longer than these take.
# The models are tiny: several threads would only wait for each other.
test-torch: $(TORCH_INSTALLED)
	@OMP_NUM_THREADS=1 $(TORCH_BIN)/python -m pytest -m torch $(or $(ARGS),`grep -rl --include='test_*.py' mark.torch tests`)

# The small built-in model, where MLX exists; without it the other modes are left.
model: $(INSTALLED)
	@if $(BIN)/python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("mlx") is None)'; then \
		ACP_AGENT_HOME="$(HOME_FOLDER)" $(BIN)/acp-agent models install smollm2-135m; \
	fi

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --cache-dir .cache/import-linter

format: $(INSTALLED)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: env model
	ACP_AGENT_TEST_HOME="$(HOME_FOLDER)" $(BIN)/python -m benchmarks $(ARGS)

docs: $(INSTALLED)
	$(BIN)/zensical build --strict

lock: $(BOOTSTRAP)/.installed
	@$(WITH_INDEX) set -ex; \
	$(COMPILE) requirements/uv.in -o requirements/uv.txt; \
	$(COMPILE) requirements/build.in -o requirements/build.txt; \
	$(COMPILE) pyproject.toml --extra cpu --group dev -o requirements/dev.txt; \
	$(WITH_LINKS) $(COMPILE_TORCH) 2>/dev/null || $(COMPILE_TORCH) $(CPU_BUILDS)
	@$(MAKE) --no-print-directory $(INSTALLED)
	$(NPM) install --package-lock-only --omit-lockfile-registry-resolved

clean:
	rm -rf .venv .venv-torch .cache build dist .pytest_cache .ruff_cache .import_linter_cache $(CLIENT)/node_modules
	find acp_agent tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# pip is asked once, for uv; hashes are checked by both.
$(BOOTSTRAP)/.installed: requirements/uv.txt
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "No Python 3.11 or newer was found. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	echo "Installing into .cache and .venv with `$$found --version` ..."; \
	"$$found" -m venv --clear $(BOOTSTRAP)
	@$(BOOTSTRAP)/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps \
		--require-hashes --only-binary :all: -r requirements/uv.txt
	@touch $@

.venv/bin/python: | $(BOOTSTRAP)/.installed
	@$(UV) venv --quiet --clear --python $(BOOTSTRAP)/bin/python .venv

# What the cache holds is installed without a network.
$(INSTALLED): $(BOOTSTRAP)/.installed pyproject.toml requirements/dev.txt requirements/build.txt | .venv/bin/python
	@$(WITH_INDEX) set -e; \
	$(SYNC_DEV) --offline >/dev/null 2>&1 || $(SYNC_DEV); \
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q acp_agent
	@touch $@

.venv-torch/bin/python: | $(BOOTSTRAP)/.installed
	@$(UV) venv --quiet --clear --python $(BOOTSTRAP)/bin/python .venv-torch

$(TORCH_INSTALLED): $(BOOTSTRAP)/.installed pyproject.toml requirements/torch.txt requirements/build.txt | .venv-torch/bin/python
	@$(WITH_INDEX) $(WITH_LINKS) set -e; \
	$(SYNC_TORCH) --offline >/dev/null 2>&1 || $(SYNC_TORCH) 2>/dev/null || $(SYNC_TORCH) $(CPU_BUILDS); \
	$(UV) pip install --quiet --python $(TORCH_BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# The TypeScript SDK of the protocol, for tests; node and npm come from the lock above.
$(CLIENT_INSTALLED): $(CLIENT)/package.json $(CLIENT)/package-lock.json | $(INSTALLED)
	@$(NPM) ci --loglevel=error --prefer-offline >/dev/null
	@touch $@
