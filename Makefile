# Everything a newcomer needs: `make demo` and `make test`. See README.md.
PYTHON ?= python3
BIN := .venv/bin
# make test DATABASE_URL=postgresql://… runs the tests on that server; TESTS chooses among them.
DATABASE_URL ?=
export DATABASE_URL
TESTS ?= tests

.PHONY: setup demo test rounds check lock openapi sbom audit fuzz bench bench-export bench-ingest bench-cached bench-start bench-limits bench-loop bench-timing clean

setup: .venv/ready

.venv/ready: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Sudstat needs Python 3.11 or newer; $$($(PYTHON) --version) is too old. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch .venv/ready

demo: setup
	$(BIN)/sudstat demo

test: setup
	$(BIN)/pytest -n 2 --dist loadgroup $(TESTS)

# Files and curators' acts at random, a thousand rounds of them: about twenty minutes on a busy machine of two cores.
ROUNDS ?= 1000
rounds: setup
	SUDSTAT_ROUNDS=$(ROUNDS) $(BIN)/pytest -s tests/test_acts.py -k rounds

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive app --configfile pyproject.toml
	$(BIN)/sudstat openapi | diff -u openapi/openapi.json - || \
		{ echo "openapi/openapi.json is not what the code says; run: make openapi"; exit 1; }

openapi: setup
	$(BIN)/sudstat openapi > openapi/openapi.json

# What we depend on, as CycloneDX, from the lock; hashes included, no index address.
sbom: setup
	$(BIN)/python -W ignore -m cyclonedx_py requirements requirements.txt --pyproject pyproject.toml --mc-type application \
		--output-reproducible --of JSON -o sbom.json

# Known faults of the locked packages, where the index serves their list.
audit: setup
	$(BIN)/python .ci/audit.py

# Requests made up from the OpenAPI document, against a service of its own; about EXAMPLES for each operation, and for
# LONGEST seconds at most.
EXAMPLES ?= 600
LONGEST ?= 3600
PHASES ?= examples,coverage,fuzzing
fuzz: setup
	$(BIN)/python -m bench.fuzz --examples $(EXAMPLES) --longest $(LONGEST) --phases $(PHASES)

# Beside Datasette, roapi, PostGraphile and bare SQL: the same record, questions and answers; writes bench/results.md.
# Needs npm and wrk (Debian); the peers go into .peers/. A hundred thousand cases take some minutes to take in; with
# DIRECTLY=1 their versions are written without files, by a side door. With KEPT=folder the record stays there, and is
# found again by the next run.
REVISIONS ?= 20
DIRECTLY ?=
KEPT ?=
bench: setup
	$(BIN)/python -m bench.peers --size $(SIZE) --revisions $(REVISIONS) $(if $(DIRECTLY),--directly) $(if $(KEPT),--kept $(KEPT))

# Cases a second over HTTP, beside a raw COPY of the same cases; figures in bench/ingest.md.
SIZE ?= 100000
bench-ingest: setup
	$(BIN)/python -m bench.ingest --size $(SIZE)

# All cases out over HTTP, beside psql's \copy of the same query; figures in bench/export.md.
bench-export: setup
	$(BIN)/python -m bench.export --size $(SIZE)

# Healthy callers while others are slow, heavy or greedy; figures in docs/operations/limits.md.
bench-limits: setup
	$(BIN)/python -m bench.limits

# How long one request holds the event loop, over the demonstration record in DATA; figures in docs/operations/limits.md.
DATA ?= .sudstat-demo
bench-loop: setup
	$(BIN)/python -m bench.loop --data $(DATA)

# Whether the time of a refusal tells a wrong key from one that there is not; on a machine that does nothing else.
bench-timing: setup
	$(BIN)/python -m bench.timing

# Kept answers beside a raw ASGI app; needs wrk (Debian). Figures in bench/cached.md.
bench-cached: setup
	$(BIN)/python -m bench.cached

# The first answer of `sudstat serve` on a warm data folder, beside a bare FastAPI app. Figures in bench/cached.md.
bench-start: setup
	$(BIN)/python -m bench.start

# Needs uv. The locks name versions and hashes, and no index.
lock:
	uv pip compile pyproject.toml --extra redis --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-annotate --no-header --quiet -o requirements.txt
	uv pip compile pyproject.toml --group dev --extra redis --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-annotate --no-header --quiet -o requirements-dev.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
