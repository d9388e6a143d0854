# make demo: train, export, predict and bench from nothing; make test: every test; make test-all: with
# every version of Python, and with the lowest versions of what is required.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
PYTHONS := 3.11 3.12 3.13
PYTEST := pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-all $(PYTHONS:%=test-%) test-lowest check models packages clean

$(INSTALLED): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

demo: $(INSTALLED)
	@set -e; data=mnist; \
	$(BIN)/mnist-edge data fetch || { \
		data=synthetic; \
		echo "MNIST cannot be had here: the demo goes on with the synthetic digits."; \
	}; \
	set -x; \
	$(BIN)/mnist-edge train --data $$data; \
	$(BIN)/mnist-edge export --int8; \
	$(BIN)/mnist-edge data show --data $$data --index 0 --file runs/digit.png; \
	$(BIN)/mnist-edge predict runs/digit.png; \
	$(BIN)/mnist-edge bench --quick

test: $(INSTALLED)
	$(BIN)/$(PYTEST) --cov --cov-report=term --cov-fail-under=95

test-all: $(PYTHONS:%=test-%) test-lowest

# uv takes an interpreter from PATH, or fetches one where it may.
$(PYTHONS:%=test-%): test-%: $(INSTALLED)
	$(BIN)/uv venv --quiet --clear --python $* .venvs/$*
	$(BIN)/uv pip install --quiet --python .venvs/$* --editable '.[dev]'
	.venvs/$*/bin/$(PYTEST)

test-lowest: $(INSTALLED)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venvs/lowest
	$(BIN)/uv pip install --quiet --python .venvs/lowest --resolution lowest-direct --editable '.[dev]'
	.venvs/lowest/bin/$(PYTEST)

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

models: $(INSTALLED)
	$(BIN)/python tools/build_models.py

packages: $(INSTALLED)
	$(BIN)/python -m build

clean:
	rm -rf .venv .venvs runs dist
