# Works with any make and /bin/sh, as root or not, from a path with spaces. `make help` lists all.
SHELL = /bin/sh
.DEFAULT_GOAL = help
.PHONY: help setup up worker test lint format faults peers bench clean clean-data

VENV_PYTHON = .venv/bin/python
# Nothing embedded is installed where DATABASE_URL names a server, here or in .env.
EMBEDDED = $$(if test -n "$$DATABASE_URL" || grep -qs '^DATABASE_URL=.' .env; then :; else echo embedded; fi)
# The first Python on PATH that is new enough makes the environment.
FIND_PYTHON = for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if test -z "$$found"; then echo "Python 3.11 or newer is needed, and none is on PATH." >&2; exit 1; fi
SOURCES = manage.py releasecontrol releases checklists flags migrations_runner monitoring tests

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## Make .venv and install what is pinned
	@$(FIND_PYTHON); "$$found" releasecontrol/bootstrap.py $(EMBEDDED)

up: ## Start everything: http://127.0.0.1:8000 (PORT=... for another)
	@begun=$$(date +%s); $(FIND_PYTHON); "$$found" releasecontrol/bootstrap.py $(EMBEDDED) || exit 1; \
	UP_BEGUN=$$begun exec $(VENV_PYTHON) -m releasecontrol.up

worker: setup ## Start only a worker
	@exec $(VENV_PYTHON) manage.py worker

test: ## Everything CI runs: lint, then all tests
	@$(FIND_PYTHON); "$$found" releasecontrol/bootstrap.py dev $(EMBEDDED)
	@wanted=; test -n "$$CHROMIUM_PATH" || test -x /usr/bin/chromium || wanted=chromium; \
	command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer || wanted="$$wanted pgbouncer"; \
	if test -n "$$wanted" && test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	  (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$wanted) >/dev/null 2>&1 \
	  || echo "Could not install $$wanted: the tests that need it will be skipped."; fi
	@EMBEDDED_DIR=$${EMBEDDED_DIR:-var/test-postgres} $(MAKE) --no-print-directory lint
	@EMBEDDED_DIR=$${EMBEDDED_DIR:-var/test-postgres} exec $(VENV_PYTHON) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: ## Style, types, floors, templates, missing migrations, settings for production
	@$(FIND_PYTHON); "$$found" releasecontrol/bootstrap.py dev $(EMBEDDED)
	$(VENV_PYTHON) -m ruff check --quiet
	$(VENV_PYTHON) -m ruff format --check --quiet
	$(VENV_PYTHON) manage.py makemigrations --check --dry-run
	$(VENV_PYTHON) -m mypy $(SOURCES)
	.venv/bin/lint-imports
	find . -path ./.venv -prune -o -path ./var -prune -o -path '*/templates/*' -name '*.html' -print0 | xargs -0 .venv/bin/djade --check --target-version 5.2
	.venv/bin/djlint --lint --quiet templates
	@env SECRET_KEY=$$($(VENV_PYTHON) -c 'import secrets; print(secrets.token_urlsafe(60))') HTTPS=true DEBUG=false EXAMPLE=false \
	  ALLOWED_HOSTS=release.example BASE_URL=https://release.example STREAM_URL=https://release.example \
	  DATABASE_URL=postgresql://user:unused@127.0.0.1:1/unused \
	  $(VENV_PYTHON) manage.py check --deploy --fail-level WARNING

format: ## Put code and templates in shape
	@$(FIND_PYTHON); "$$found" releasecontrol/bootstrap.py dev $(EMBEDDED)
	$(VENV_PYTHON) -m ruff check --fix --quiet || true
	$(VENV_PYTHON) -m ruff format
	find . -path ./.venv -prune -o -path ./var -prune -o -path '*/templates/*' -name '*.html' -print0 | xargs -0 .venv/bin/djade --target-version 5.2

bench: ## Measure, into var/bench/results.jsonl
	@$(FIND_PYTHON); "$$found" releasecontrol/bootstrap.py dev $(EMBEDDED)
	@EMBEDDED_DIR=$${EMBEDDED_DIR:-var/test-postgres} exec $(VENV_PYTHON) -m tests.bench

faults: ## Kill workers at every named point, 300 times each (KILLS=... for another number)
	@$(FIND_PYTHON); "$$found" releasecontrol/bootstrap.py dev $(EMBEDDED)
	@EMBEDDED_DIR=$${EMBEDDED_DIR:-var/test-postgres} KILLS=$${KILLS:-300} exec $(VENV_PYTHON) -m pytest -m faults $(ARGS)

peers: ## Install the runners that make bench compares with, into var/peers (npm, PyPI, apt)
	@mkdir -p var/peers && cd var/peers && npm install --silent --no-audit --no-fund dbmate@2 liquibase@4.4.0
	@$(FIND_PYTHON); "$$found" -m venv var/peers/venv && var/peers/venv/bin/pip install -q yoyo-migrations==9.0.0 psycopg2-binary setuptools
	@$(FIND_PYTHON); "$$found" -m venv var/peers/flags-venv && var/peers/flags-venv/bin/pip install -q mmh3==5.3.1 eppo-server-sdk==4.4.1 growthbook==4.0.0 flagsmith-flag-engine==11.1.1 configcat-client==10.0.1 UnleashClient==6.9.1 posthog==7.91.1 launchdarkly-server-sdk==9.18.2
	@command -v sqitch >/dev/null || (test "$$(id -u)" = 0 && apt-get update -q && apt-get install -qy --no-install-recommends sqitch libdbd-pg-perl) || echo "sqitch is not here, so it is left out."

clean: ## Remove .venv and caches; the data stay
	@if test -x $(VENV_PYTHON); then $(VENV_PYTHON) -m releasecontrol.embedded stop || exit 1; fi
	@echo "Removing .venv and caches. The data in var/ stay (make clean-data removes them)."
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -path ./var -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

clean-data: ## Remove var/: the embedded databases, logs and logins
	@if test -x $(VENV_PYTHON); then for place in var/postgres var/test-postgres; do \
	  EMBEDDED_DIR=$$place $(VENV_PYTHON) -m releasecontrol.embedded stop || exit 1; done; fi
	@echo "Removing var/: the embedded databases, logs and logins."
	@for place in var/postgres var/test-postgres; do \
	  if test -L $$place; then rm -rf "$$(readlink $$place)"; fi; done
	@rm -rf var
