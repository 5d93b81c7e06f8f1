# The commands of Vigie. Everything is installed into .venv, from a bare checkout with Python 3.11 or later.
PYTHON ?= python3
SPEED ?= 240
SEED ?= 1
DATA ?= ../shared/data
BIN = .venv/bin

.PHONY: help setup run stack test chaos lint bench scenarios evaluate docs clean

help:
	@echo "make run       play a simulated election night: the alerts as they come, and the console"
	@echo "make stack     the same night through Kafka, Redis and two workers, until Ctrl-C"
	@echo "make test      install what the tests need and run them all"
	@echo "make setup     make .venv and install Vigie into it"
	@echo "make chaos     twenty runs on real servers that are killed and stopped (some 15 minutes)"
	@echo "make lint      ruff and mypy"
	@echo "make bench     posts a second against orjson alone and a naive version"
	@echo "make scenarios the cases at the size that they had, and what only looks like them"
	@echo "make evaluate  figures on labelled data in the folder DATA, with a report in out/evaluation"
	@echo "make docs      write the pages that are made from the code"

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Vigie needs Python 3.11 or later: set PYTHON=/path/to/python3.11 after make."; exit 2; }
	@$(PYTHON) -m venv .venv || \
	  { echo "python3 -m venv failed: install it, on Debian with: apt-get install python3-venv"; exit 2; }
	@touch $@

.venv/installed: .venv/made pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/dev: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: .venv/installed

run: setup
	$(BIN)/vigie simulate election-night --out out/night --seed $(SEED)
	$(BIN)/vigie replay out/night/posts.jsonl --format posts --speed $(SPEED) \
	  --alerts out/night/alerts.jsonl --store out/night/store.db --console

stack: setup
	$(BIN)/python -m deploy.stack

test: .venv/dev
	sh deploy/test-tools.sh
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

chaos: .venv/dev
	$(BIN)/python benchmarks/reliability.py --seeds 1-20 --jobs 2 --check

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/dev
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/kafka_stream.py

scenarios: .venv/dev
	$(BIN)/python benchmarks/scenarios.py

evaluate: .venv/dev
	$(BIN)/vigie evaluate $(DATA) --report out/evaluation
	$(BIN)/python benchmarks/realism.py

docs: setup
	$(BIN)/python tools/make_pages.py

clean:
	rm -rf .venv out build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
