# `make` alone lists what can be made. What the targets need, they install first.

SERVICE ?=
run := .venv/bin/python deploy/local/suite.py

.DEFAULT_GOAL := help
export PYTHON ?= python3

.PHONY: help demo up down ps logs test faults events bench check format docs lock env clean venv machine programs

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: up ## start the suite and sell a ticket through it, each call shown
	@.venv/bin/python deploy/demo.py

up: machine ## start the suite as processes of this machine (TICKETING=3: three replicas)
	@$(run) up

down: ## stop the suite; its data stays in .run
	@[ ! -x .venv/bin/python ] || $(run) down

ps: ## name, pid and url of each process
	@$(run) ps

logs: ## follow the logs (SERVICE=ticketing-api-1: one of them)
	@$(run) logs $(SERVICE)

test: check programs ## the checks, then all tests, on real servers (ARGS=…: for pytest)
	@.venv/bin/pytest $(ARGS)

faults: programs ## the long proof, under kills and freezes (MINUTES=20 SEED=… REPLICAS=2)
	@.venv/bin/python -m tests.faults.run --minutes $(or $(MINUTES),20) \
	  --replicas $(or $(REPLICAS),2) $(if $(SEED),--seed $(SEED))

events: programs ## the long proof of the events, under kills (EVENTS=100000 KILLS=200 SEED=…)
	@.venv/bin/python -m tests.faults.events.run --events $(or $(EVENTS),100000) \
	  --kills $(or $(KILLS),200) $(if $(SEED),--seed $(SEED))

bench: programs ## what the suite costs, beside its limits (CASE=events: one case)
	@deploy/local/bootstrap.sh wrk nginx
	@.venv/bin/python -m bench $(CASE)

check: venv ## style, types, and who may import whom
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

format: venv ## mend what ruff can mend
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

docs: venv ## write docs/asyncapi anew, unless that would break what is published
	@.venv/bin/python -m contract

lock: venv ## pin the newest versions that fit requirements/*.in
	@.venv/bin/python -m pip install --quiet uv
	@for part in runtime:requirements.lock dev:requirements-dev.lock; do \
	  .venv/bin/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	    requirements/$${part%%:*}.in --output-file $${part##*:} || exit; \
	done

env: ## write .env: what is there stays, secrets are random
	@$(PYTHON) deploy/local/environment.py >/dev/null && echo "settings are in .env"

# Not the containers' passwords: they belong to their volumes (docker compose down -v).
clean: down ## stop, and remove the private servers' data and .venv
	@$(PYTHON) deploy/local/environment.py --forget
	@rm -rf .venv; [ ! -d .run ] || find .run -mindepth 1 -maxdepth 1 ! -name compose -exec rm -rf {} +

# Not for calling by hand: what the others stand on.
venv:
	@deploy/local/bootstrap.sh
machine:
	@deploy/local/bootstrap.sh $$($(PYTHON) deploy/local/environment.py)
programs: venv
	@deploy/local/bootstrap.sh postgres redis rabbitmq node faketime
