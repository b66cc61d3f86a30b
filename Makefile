# Each target makes .venv, installs what is missing, and does its job; `make help` lists them.
# The installing is done by tools/setup.sh.

.DEFAULT_GOAL := help
.NOTPARALLEL:

BIN := .venv/bin
# Torch's own threads would multiply with the test processes: one each.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
export PIP_ARGS

.PHONY: help demo test lint bench clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  PYTHON=python3.12 make ...       build .venv with this interpreter (3.11 or newer)'
	@echo '  make PIP_ARGS="..." ...          arguments for pip install, such as an index with CPU'
	@echo '                                   builds of torch (see the README) or --find-links DIR'
	@echo '  make test ARGS="-k dlt -x"       arguments for pytest (or for the demo)'

demo: ## reconstruct a made-up recording and draw the result
	@tools/setup.sh demo
	$(BIN)/triangulate demo $(ARGS)

test: ## run the tests
	@tools/setup.sh dev
	$(ONE_THREAD) $(BIN)/python -m pytest -n auto --maxprocesses=8 $(ARGS)

lint: ## check style and types
	@tools/setup.sh dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

bench: ## print speed and accuracy beside other implementations
	@tools/setup.sh dev
	@set -e; for script in tools/bench/[!_]*.py; do \
	    echo "$(BIN)/python $$script"; $(BIN)/python $$script; \
	done

clean: ## remove caches and builds
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
	find triangulate calib tools tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove .venv as well
	rm -rf .venv
