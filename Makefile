# Two commands do everything on a machine that has Python (3.10 or newer) and make:
#   make demo   build the pipeline on the embedded AWS, copy a file, prove it, remove everything
#   make test   all tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The slow tests are few: whoever has nothing left takes from the other.
PYTEST_OPTIONS ?= -n auto --dist worksteal
BENCH_OPTIONS ?=

.PHONY: demo test model crash-points mutation lint format bench pictures clean

demo: $(VENV)/.installed-local
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/demo.sh

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

model: $(VENV)/.installed-dev
	$(BIN)/python -m tests.model.run --writes 3 --invocations 3 --crashes 2

# Every command dies at each of its calls, before and after it; make test tries a few. Half an hour.
crash-points: $(VENV)/.installed-dev
	S3COPY_TEST_CRASH_POINTS=all $(BIN)/python -m pytest tests/e2e/test_crash_points.py \
		tests/functional/provision/test_crash_points.py tests/functional/provision/test_overtaken.py $(PYTEST_OPTIONS)

# A few minutes; not part of the tests.
mutation: $(VENV)/.installed-mutation
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/mutmut run
	$(BIN)/mutmut results

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# BENCH_OPTIONS="--quick", "--only listing", "--json FILE"
bench: $(VENV)/.installed-bench
	$(BIN)/python -m tests.bench.run $(BENCH_OPTIONS)

# Those of the docs, from the real commands on the embedded AWS.
pictures: $(VENV)/.installed-dev
	$(BIN)/python -m tests.pictures

clean:
	rm -rf $(VENV) .demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis mutants

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "s3copy needs Python 3.10 or newer; pass another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "Could not make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.installed-local: $(VENV)/.created pyproject.toml
	@echo "Installing s3copy and the embedded AWS into $(VENV) ..."
	@$(PIP) -e '.[local]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.created pyproject.toml
	@echo "Installing s3copy and its development tools into $(VENV) ..."
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.installed-local

$(VENV)/.installed-bench: $(VENV)/.created pyproject.toml
	@echo "Installing the peers and what draws the curves into $(VENV) ..."
	@$(PIP) -e '.[bench]'
	@touch $@

$(VENV)/.installed-mutation: $(VENV)/.created pyproject.toml
	@echo "Installing s3copy and the mutation tester into $(VENV) ..."
	@$(PIP) -e '.[mutation]'
	@touch $@
