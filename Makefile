# Two commands do everything: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg

.PHONY: demo test quick matrix docs results processors check install clean

demo: .venv/installed          ## the main job on real digits: trains, compares, draws
	$(BIN)/corticalnet demo

test: .venv/installed check    ## every test, lint and types
	$(BIN)/pytest -n 2

quick: .venv/installed         ## what a developer runs: no slow test, and of many cases of one test a few
	$(BIN)/pytest --quick -n 2

PYTHONS ?= python3.11 python3.12 python3.13

matrix: .venv/installed        ## the quick tests on each Python, with the lowest versions, without Brian2
	$(BIN)/python tests/matrix.py --pythons "$(PYTHONS)" --rows "$(ROWS)"

docs: .venv/installed          ## the documentation as a site, build/docs/index.html; no network needed
	$(BIN)/python -m sphinx -W --keep-going -q -d build/doctrees docs build/docs

results: .venv/installed       ## tables of measured numbers into every page that shows them
	$(BIN)/python -m simulations.parts.pages

TESTS ?= -n 2

processors: .venv/installed    ## the tests as other processors, with two threads, with other seeds: hours
	$(BIN)/python tests/processors.py $(TESTS)

check: .venv/installed         ## lint and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,brian2]'
	touch $@

clean:
	rm -rf .venv runs figures build *.egg-info
