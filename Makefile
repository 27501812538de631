PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup demo test lint types docs bench fuzz

setup: $(STAMP)

# Made again when a dependency changes. The stamp comes last, so an interrupted install starts over.
$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,postgres,s3]'
	@touch $@

demo: setup
	$(BIN)/seedbank demo

# tests/conftest.py says which files come first. Hundreds of processes start; without files of bytecode each would compile seedbank.
test: export PYTHONDONTWRITEBYTECODE =
test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

# The pages whose examples are run, and the command line reference.
docs: setup
	$(BIN)/python -m pytest tests/docs

# Five minutes of files and texts that were changed at random; what breaks a reader is kept in /tmp.
fuzz: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	$(BIN)/python -m tests.fuzz.readers --seconds 300

bench: setup
	@for name in ls record; do echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done
