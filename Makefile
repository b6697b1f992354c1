# make local    builds everything and runs it on this machine, until Ctrl-C
# make test     runs all checks and tests
# make deploy   deploys to AWS: make deploy ENV=staging

export PATH := $(CURDIR)/.local/venv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0

VENV := .local/venv/installed
BUILD := .local/build/template.yaml
ARCHITECTURE := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
SOURCES := template.yaml Cargo.toml Cargo.lock .cargo/config.toml $(shell find functions shared -type f)

.PHONY: local local-reset token test deploy

local: $(BUILD)
	@exec python local/local_aws.py up

local-reset: $(VENV)
	@python local/local_aws.py reset

token: $(VENV)
	@python local/tokens.py $${LOCAL_DIR:-.local}/stack.env "$(USER_ID)" $(ROLE)

test: $(BUILD)
	@exec python local/run_tests.py

deploy: $(VENV)
	@test -n "$(ENV)" || { echo "Which environment? make deploy ENV=staging" >&2; exit 2; }
	sam build
	sam deploy --config-env $(ENV)

$(VENV): local/requirements.txt
	@echo "Installing the tools (SAM CLI, cargo-lambda, MiniStack) into .local/venv ..."
	@python3 -m venv --clear .local/venv
	@pip install --quiet --disable-pip-version-check -r local/requirements.txt
	@touch $@

# cargo-lambda compiles everything at once and shows its progress; sam then takes what it needs from there.
$(BUILD): $(VENV) $(SOURCES)
	cargo lambda build --release --workspace --exclude tests $(if $(filter arm64,$(ARCHITECTURE)),--arm64)
	@echo "Packaging the functions ..."
	@sam build --parameter-overrides Architecture=$(ARCHITECTURE) --build-dir .local/build >.local/build.log 2>&1 || { cat .local/build.log; exit 1; }
