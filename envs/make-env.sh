#!/usr/bin/env bash
# Make a virtual environment from a lock, when the lock or the project's metadata changed since it was made.
#   envs/make-env.sh                                              .venv, in which the project is installed; one that
#                                                                 has Slurm's executor keeps it
#   envs/make-env.sh envs/requirements-slurm.txt                  the same with Slurm's executor
#   envs/make-env.sh envs/requirements-nnunet.txt .venv-nnunet    nnU-Net's own, without the project
#   envs/make-env.sh envs/requirements-docs.txt .venv-docs        what builds the pages, without the project
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE  # without byte code every later start of torch and monai is slow

lock=${1:-envs/requirements.txt}
[ $# -eq 0 ] && grep -qs requirements-slurm .venv/stamp && lock=envs/requirements-slurm.txt
venv=${2:-.venv}
parts=("$lock")
[ "$venv" = .venv ] && parts+=(envs/requirements.txt pyproject.toml)
digest=$(cat "${parts[@]}" | sha256sum | cut -d' ' -f1)-$(basename "$lock")
[ -f "$venv/stamp" ] && [ "$(cat "$venv/stamp")" = "$digest" ] && exit 0

python=${PYTHON:-$(command -v python3.11 || command -v python3 || true)}
if [ -z "$python" ] || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "error: no Python >= 3.11 found; install one, or name it: make env PYTHON=/path/to/python3.11" >&2
    exit 1
fi
echo "setting up $venv (a minute or so; up to 2 GB)"
"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv==0.13.8
# uv does not read pip's configuration; a local folder of wheels (torch's CPU build, say) is passed on
links=${PIP_FIND_LINKS:-$("$venv/bin/python" -m pip config get global.find-links 2>/dev/null || true)}
[ -n "$links" ] && export UV_FIND_LINKS=${links// /,}
export UV_LINK_MODE=copy
# nnU-Net's networks ask for torchvision through timm and never use it; beside a CPU torch its CUDA build breaks imports
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --compile-bytecode -r "$lock" \
    --override <(echo "torchvision; sys_platform == 'never'")
[ "$venv" = .venv ] && "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --editable .
echo "$digest" > "$venv/stamp"
