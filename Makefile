# Needs Python 3.11 or newer and make; everything else comes from wheels into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
INSTALLED := $(VENV)/.installed

.PHONY: help install demo dev test lint format docs lock clean

help: ## Show the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED) ## Make the virtual environment with every dependency and the generated stubs

$(INSTALLED): pyproject.toml requirements.lock hatch_build.py $(shell find protos -name '*.proto')
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is too old: Python 3.11 or newer is needed. Name one: make PYTHON=python3.13"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: install ## Move a table through Kafka into S3 while processes are killed, and prove it (ARGS="--rows 20000")
	$(BIN)/tidegate demo $(ARGS)

dev: install ## Run everything on this machine until Ctrl-C
	$(BIN)/tidegate dev $(ARGS)

lint: install ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint ## Check style and types, then run every test (ARGS="-k jdbc")
	$(BIN)/pytest $(ARGS)

format: install ## Rewrite the sources in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install ## Generate the reference of connectors and settings
	$(BIN)/python -m tidegate.sdk.reference_docs docs/connectors
	$(BIN)/python -m tidegate.config.reference_docs docs/configuration.md

lock: install ## Renew requirements.lock with the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --all-extras --group dev \
	  --no-annotate --no-header --no-emit-index-url --output-file requirements.lock pyproject.toml

clean: ## Remove the virtual environment and everything generated
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
