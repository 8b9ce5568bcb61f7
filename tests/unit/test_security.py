"""Nothing unpickles or evaluates, no user's string reaches a shell, nothing listens, no secret is written down."""

import ast
import json
import re
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from cmrbridge.runtime.job import job

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "workflow", "benchmarks", "docs")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]
LOCKS = sorted((ROOT / "envs").glob("requirements*.txt"))
PICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
NEVER = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput"),
    *("torch.save", "pd.read_pickle", "pandas.read_pickle", "yaml.load", "yaml.unsafe_load", "yaml.full_load"),
}
SECRETS = {"MLFLOW_TRACKING_URI": "http://user:hunter2@127.0.0.1:9", "AWS_SECRET_ACCESS_KEY": "hunter2-aws"}


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def faults(text: str) -> list[str]:
    """What this program could be made to run, or whom it could let in, a line each."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{node.lineno}: {name}" for name in names if name.partition(".")[0] in PICKLERS]
        elif isinstance(node, ast.Call):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            name = ast.unparse(node.func)
            unsafe = name in NEVER or name.endswith((".read_pickle", ".to_pickle"))
            unsafe |= name.endswith("torch.load") and given.get("weights_only") != "True"
            unsafe |= given.get("allow_pickle", "False") != "False" or given.get("shell", "False") != "False"
            found += [f"{node.lineno}: {ast.unparse(node)}"] if unsafe else []
        elif isinstance(node, ast.Constant) and node.value in ("0.0.0.0", "::"):
            found.append(f"{node.lineno}: listens to every network")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=label)
def test_no_program_unpickles_evaluates_or_listens(path: Path) -> None:
    """nnU-Net itself pickles its checkpoint: in its cage, which no call of ours shows (docs/architecture.md)."""
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        *("import pickle", "from joblib import load", "eval(text)", "os.system(text)", "yaml.load(text)"),
        *("torch.load(path)", "torch.load(path, weights_only=False)", "np.load(path, allow_pickle=True)"),
        *("subprocess.run(text, shell=True)", "pd.read_pickle(path)", "uvicorn.run(app, host='0.0.0.0')"),
    ],
)
def test_the_search_would_find_it(text: str) -> None:
    assert faults(text)


@pytest.mark.parametrize("path", RULES, ids=label)
def test_every_word_of_a_shell_rule_is_quoted(path: Path) -> None:
    """Names of a study stand in paths; what a shell command takes of them, it takes quoted."""
    text = path.read_text(encoding="utf-8")
    for command in re.findall(r"^    shell:\n((?:        .*\n)+)", text, flags=re.MULTILINE):
        assert all(word.endswith(":q") for word in re.findall(r"\{([^}]*)\}", command)), command
    assert not re.search(r"\b(eval|exec|os\.system)\(|shell\(|shell=True", text)


@pytest.mark.parametrize("path", LOCKS, ids=label)
def test_the_locks_keep_the_security_floors(path: Path) -> None:
    locked = dict(line.split(" ;")[0].split("==") for line in path.read_text().splitlines() if "==" in line)
    below = {
        name: locked[name] for name, floor in floors().items() if name in locked and not at_least(locked[name], floor)
    }
    assert not below


def test_what_is_installed_keeps_the_security_floors() -> None:
    asked = {
        re.split(r"==|\[", line)[0].lower() for line in LOCKS[0].with_name("requirements.txt").read_text().splitlines()
    }
    below = {
        name: version(name) for name, floor in floors().items() if name in asked and not at_least(version(name), floor)
    }
    assert not below


def floors() -> dict[str, str]:
    table = pd.read_csv(ROOT / "resources" / "security_floors.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert table.reason.str.len().gt(10).all(), "each floor says why"
    return dict(zip(table.package, table.floor))


def at_least(found: str, floor: str) -> bool:
    numbers = [[int(part) for part in re.findall(r"\d+", one.partition("+")[0])] for one in (found, floor)]
    return numbers[0] >= numbers[1]


@pytest.mark.parametrize("ends_well", [True, False])
def test_a_job_writes_down_no_secret(
    ends_well: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither a variable of the environment nor the password in MLflow's address, in anything that a job leaves."""
    monkeypatch.chdir(tmp_path)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "in.txt").write_text("abc")
    asked = {"input": {"data": "in.txt"}, "output": {"record": "record.json", "metrics": "metrics.jsonl"},
             "params": {"seed": 1}, "wildcards": {"arm": "real"}, "log": {"log": "log.txt"},
             "resources": {}}  # fmt: skip
    rule = SimpleNamespace(rule="train", threads=1, **{name: named(items) for name, items in asked.items()})
    try:
        with job(rule) as run:
            run.report(1, 1, loss=0.5)
            if not ends_well:
                raise RuntimeError("the work failed")
    except RuntimeError:
        assert not ends_well
    left = {path.name: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert ("record.json" if ends_well else ".journal.jsonl") in left
    told = json.dumps(left) + "".join(capfd.readouterr())
    assert not [name for name, value in SECRETS.items() if value in told or name in told]
    assert "hunter2" not in told


def named(items: dict[str, str]) -> Any:
    """A list whose items have names, as Snakemake gives them."""

    class Named(list[str]):
        def items(self) -> Any:
            return items.items()

        def get(self, name: str, default: Any = None) -> str | None:
            return items.get(name, default)

    return Named(items.values())
