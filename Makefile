# make demo: train, export, predict and bench from nothing; make test: every test.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo test check models clean

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
	$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term --cov-fail-under=95

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

models: $(INSTALLED)
	$(BIN)/python tools/build_models.py

clean:
	rm -rf .venv runs dist
