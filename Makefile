# make demo: sets up and runs the main job on the embedded phantom.   make test: sets up and passes the tests.
SHELL := /bin/bash
CORES ?= $(shell nproc)
PYTEST_WORKERS ?= $(shell nproc)
STUDY ?= studies/acdc_sunnybrook.yaml
MARKS ?= not long and not whole
unexport PYTHONDONTWRITEBYTECODE
export OMP_WAIT_POLICY := PASSIVE
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true
export ORT_DISABLE_TELEMETRY := 1
export HF_HUB_OFFLINE := 1
BIN := .venv/bin

.PHONY: env demo app study atlas plan status unlock sync watch test prove lint format audit slurm-env nnunet-env docs reference

env:
	@envs/make-env.sh

slurm-env:
	@envs/make-env.sh envs/requirements-slurm.txt

nnunet-env:
	@envs/make-env.sh envs/requirements-nnunet.txt .venv-nnunet

docs:
	@envs/make-env.sh envs/requirements-docs.txt .venv-docs
	@.venv-docs/bin/sphinx-build -W --keep-going -q -E -a -d .cache/docs docs site
	@echo "The pages: file://$(CURDIR)/site/index.html"

reference: env
	@$(BIN)/python docs/tools

demo: env
	@$(BIN)/snakemake --cores $(CORES)
	@echo "The report: file://$(CURDIR)/results/demo/paper/report.html"

# small networks are trained on the phantom, then a page opens in which they segment hearts; nothing leaves this machine
app: env
	@$(BIN)/snakemake export --cores $(CORES) --configfile studies/app.yaml
	@$(BIN)/cmrbridge serve results/app/export/fast results/app/export/accurate

# PLACE names an entry of workflow/places.yaml, PRESET the sizes: cpu, gpu or reconstructed
study: env
	@$(BIN)/snakemake --cores $(CORES) --configfile "$(STUDY)" $(if $(PLACE)$(PRESET),--config $(PLACE:%=place=%) $(PRESET:%=preset=%))

# the data of a study alone, before any training: results/STUDY/atlas/atlas.html
atlas: env
	@$(BIN)/snakemake atlas --cores $(CORES) --configfile $(STUDY) $(if $(PLACE)$(PRESET),--config $(PLACE:%=place=%) $(PRESET:%=preset=%))

plan: env
	@$(BIN)/cmrbridge plan "$(STUDY)" --cores $(CORES) $(PLACE:%=--place %) $(PRESET:%=--preset %)

# RESULTS: the folder of results, if not results/
status: env
	@$(BIN)/cmrbridge status $(RESULTS)

unlock: env
	@$(BIN)/cmrbridge unlock $(RESULTS)

# feed MLflow what it does not have: results/mlflow.db, or the server of MLFLOW_TRACKING_URI; watch: live, until Ctrl-C
sync: env
	@$(BIN)/cmrbridge sync

watch: env
	@$(BIN)/cmrbridge sync --follow

# MARKS="not long": every rule, nnU-Net, Slurm and the page in a browser, too
test: env
	@OMP_NUM_THREADS=1 $(BIN)/pytest -m "$(MARKS)" -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder

prove: env
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder

lint: env
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check Snakefile workflow/rules
	@$(BIN)/snakemake --lint
	@$(BIN)/mypy
	@$(BIN)/shellcheck envs/*.sh tests/cluster/*.sh tests/app/*.sh .ci/run

format: env
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .
	@$(BIN)/snakefmt Snakefile workflow/rules

# needs a network: asks an advisory service about every version of the locks
audit: env
	@$(BIN)/python -m venv .cache/audit && .cache/audit/bin/pip install -q pip-audit
	@for lock in envs/requirements.txt envs/requirements-nnunet.txt; do .cache/audit/bin/pip-audit --strict --no-deps --disable-pip -r $$lock || failed=1; done; exit $${failed:-0}
