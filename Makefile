# The two commands: `make demo` and `make test`. Each works from a clean clone and is quick the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE := 1
export ANONYMIZED_TELEMETRY := False

.PHONY: demo app test nightly check format constraints docs clean help

help: ## show the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: ## install, add the sample documents, answer an English and a Portuguese question
	@PYTHON="$(PYTHON)" sh scripts/install.sh demo
	@$(BIN)/python examples/demo.py

app: ## open the page on http://127.0.0.1:8501
	@PYTHON="$(PYTHON)" sh scripts/install.sh demo
	@$(BIN)/python -m lastro app

test: ## install what is missing, run the whole test suite
	@PYTHON="$(PYTHON)" sh scripts/install.sh test
	$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=90

nightly: ## the long reliability run (about an hour); writes docs/nightly.md
	@PYTHON="$(PYTHON)" sh scripts/install.sh test
	LASTRO_NIGHTLY=1 $(BIN)/python -m pytest -q tests/vectorstore/test_state_machine.py
	$(BIN)/python -m benchmarks.nightly

check: ## style, types, doctests, docs
	@PYTHON="$(PYTHON)" sh scripts/install.sh test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q --doctest-modules src/lastro
	$(BIN)/python scripts/docs.py --check

format: ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: ## write the generated pages (docs/settings.md, docs/cli.md)
	$(BIN)/python scripts/docs.py

constraints: ## resolve the newest versions afresh into constraints.txt
	@PYTHON="$(PYTHON)" sh scripts/constraints.sh

clean: ## remove what the commands made
	rm -rf $(VENV) .demo build dist *.egg-info src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
