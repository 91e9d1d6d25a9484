# Needs Python 3.11 or newer and make; everything else comes from wheels into .venv. With cargo (Rust) on the PATH the
# native extension is built too; without it the same is done in pure Python.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Of tests at a time: they mostly wait, for leases, commits and the start of servers.
PROCESSES ?= 2
INSTALLED := $(VENV)/.installed
NATIVE := $(VENV)/.native
CARGO := $(shell command -v cargo)
IN_NATIVE := cd native && PYO3_BUILD_EXTENSION_MODULE=1 PYO3_NO_PYTHON=1 cargo

.PHONY: help install native demo dev bench test lint format docs lock clean

help: ## Show the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED) $(NATIVE) ## Make the virtual environment with every dependency, the stubs, the native extension

native: $(NATIVE) ## Build the native extension anew where native/ has changed (TIDEGATE_NATIVE=0 leaves it out)

$(NATIVE): $(INSTALLED) $(shell find native -name target -prune -o -type f -print)
	$(BIN)/python hatch_build.py native
	@touch $@

# Compiled ahead: where PYTHONDONTWRITEBYTECODE is set every process would compile all it imports, and keep what that took.
$(INSTALLED): pyproject.toml requirements.lock hatch_build.py $(shell find protos -name '*.proto')
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is too old: Python 3.11 or newer is needed. Name one: make PYTHON=python3.13"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirement requirements.lock
	TIDEGATE_NATIVE=0 $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q tidegate services
	@touch $@

demo: install ## Move a table through Kafka into S3 while processes are killed, and prove it (ARGS="--rows 20000")
	$(BIN)/tidegate demo $(ARGS)

dev: install ## Run everything on this machine until Ctrl-C
	$(BIN)/tidegate dev $(ARGS)

bench: install ## Compare with Kafka Connect, Debezium and the Iceberg sink (ARGS="--case json-source --repeats 3")
	$(BIN)/python -m benchmarks $(ARGS)

lint: install ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
ifneq ($(CARGO),)
	$(IN_NATIVE) fmt --check
	$(IN_NATIVE) clippy --quiet --release --all-targets --locked -- --deny warnings
endif

test: lint ## Check style and types, then run every test (ARGS="-k jdbc")
ifneq ($(CARGO),)
	$(IN_NATIVE) test --quiet --release --locked --no-default-features
endif
	$(BIN)/pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

format: install ## Rewrite the sources in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
ifneq ($(CARGO),)
	$(IN_NATIVE) fmt
endif

docs: install ## Generate the reference of connectors and settings
	$(BIN)/python -m tidegate.sdk.reference_docs docs/connectors
	$(BIN)/python -m tidegate.config.reference_docs docs/configuration.md

lock: install ## Renew requirements.lock with the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --all-extras --group dev \
	  --no-annotate --no-header --no-emit-index-url --output-file requirements.lock pyproject.toml

clean: ## Remove the virtual environment and everything generated
	rm -rf $(VENV) build dist native/target tidegate/_native.*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
