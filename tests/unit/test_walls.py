"""The walls of docs/architecture.md, read from the syntax trees. A room that is gone or has no wall fails too."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "src" / "cmrbridge"
SCRIPTS = sorted((REPOSITORY / "workflow" / "scripts").glob("*.py"))
RULES = [*sorted((REPOSITORY / "workflow" / "rules").glob("*.smk")), *sorted(REPOSITORY.glob("Snakefile"))]
STAGES = {"fetch", "data", "masks", "synthesis", "translation", "segmentation", "shift", "evaluation"}
COMMON = {"cmrbridge.core", "cmrbridge.errors", "cmrbridge.files", "cmrbridge.__version__"}
HEAVY = {"torch", "monai", "diffusers", "safetensors"}
BORROWED = {"torch", "numpy", "monai", "diffusers", "einops", "safetensors"}  # all that a borrowed machine is given
TRAINABLE = [
    "segmentation.train", "segmentation.predict", "masks.train", "masks.sample", "synthesis.train", "synthesis.render",
]  # fmt: skip
SERVING = {"numpy", "nibabel", "jinja2", "PIL", "onnxruntime", "starlette", "uvicorn"}
RUNTIME = {"numpy", "torch", "psutil", "rich"}
TRACKING = [PACKAGE / "runtime" / name for name in ("tracking.py", "registry.py", "removal.py")]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path, top_level: bool = False) -> set[str]:
    """Absolute names imported by a file; of ``from a import b`` a.b. top_level: without those inside functions."""
    nodes = _outside_functions(tree_of(path)) if top_level else ast.walk(tree_of(path))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = path.relative_to(PACKAGE.parent).parts[: -node.level]
                base = ".".join([*parents, *([base] if base else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """What runs on import; the branch of ``if TYPE_CHECKING`` does not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _outside_functions(child)


def tops(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def foreign(names: set[str]) -> set[str]:
    """Third-party packages among imported names."""
    return tops(names) - sys.stdlib_module_names - {"cmrbridge"}


def own(names: set[str]) -> set[str]:
    return {name for name in names if name == "cmrbridge" or name.startswith("cmrbridge.")}


def within(name: str, rooms: set[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def files(room: str) -> list[Path]:
    folder = PACKAGE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]


def beyond(path: Path, rooms: set[str]) -> set[str]:
    return {name for name in own(imports(path)) if not within(name, rooms)}


def in_rooms(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in files(room)]


def closure(module: str) -> set[Path]:
    """Files of the package that run when ``module`` is imported."""
    waiting, seen = [module], set()
    while waiting:
        name = waiting.pop()
        stem = PACKAGE.joinpath(*name.split(".")[1:])
        path = next((p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.is_file()), None)
        if path is None or path in seen:
            continue
        seen.add(path)
        waiting += [name.rpartition(".")[0]]
        for imported in own(imports(path, top_level=True)):
            waiting += [imported, imported.rpartition(".")[0]]
    return seen


def label(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


EVERY = sorted(PACKAGE.rglob("*.py"))


def test_every_room_has_its_wall() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert rooms == STAGES | {"app", "cli", "core", "custody", "paper", "plan", "runtime"}


@pytest.mark.parametrize("path", in_rooms(*sorted(STAGES)), ids=label)
def test_a_stage_knows_core_and_itself(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    assert beyond(path, COMMON | {f"cmrbridge.{room}"}) == set()
    assert foreign(imports(path)) & {"snakemake", "mlflow"} == set()


@pytest.mark.parametrize("path", in_rooms("core"), ids=label)
def test_core_knows_nothing_above(path: Path) -> None:
    assert beyond(path, COMMON) == set()
    assert foreign(imports(path)) & {"snakemake", "mlflow", "pandas"} == set()


@pytest.mark.parametrize("path", in_rooms("paper", "evaluation"), ids=label)
def test_tables_and_statistics_compute_without_torch(path: Path) -> None:
    """Nor does anything they import: images too are measured without a network (wavelet scattering, alignment)."""
    assert beyond(path, COMMON | {"cmrbridge.evaluation", f"cmrbridge.{path.relative_to(PACKAGE).parts[0]}"}) == set()
    assert foreign(imports(path)) & HEAVY == set()
    for below in closure(module_of(path)):
        assert foreign(imports(below, top_level=True)) & HEAVY == set(), label(below)


@pytest.mark.parametrize("path", in_rooms("plan"), ids=label)
def test_plan_is_light(path: Path) -> None:
    assert foreign(imports(path, top_level=True)) <= {"pandas", "yaml"}
    assert foreign(imports(path)) <= {"pandas", "yaml"} | ({"snakemake"} if path.name == "dag.py" else set())
    assert beyond(path, {"cmrbridge.plan", "cmrbridge.errors"}) == set()


@pytest.mark.parametrize("path", in_rooms("runtime"), ids=label)
def test_runtime_knows_no_stage(path: Path) -> None:
    """What `core` lends it, torch, rich and mlflow are imported inside functions: a light job pays for none."""
    tracking = {"mlflow"} if path in TRACKING else set()
    assert foreign(imports(path)) <= RUNTIME | tracking
    assert foreign(imports(path, top_level=True)) <= {"numpy", "psutil"}
    core = {"cmrbridge.core.checkpoint", "cmrbridge.core.parallel"}
    known = {"cmrbridge.runtime", "cmrbridge.errors", "cmrbridge.files", *core}
    assert beyond(path, known) <= {"cmrbridge"}
    assert not any(within(name, {"cmrbridge.core"}) for name in imports(path, top_level=True))


@pytest.mark.parametrize("path", in_rooms("custody"), ids=label)
def test_custody_knows_files_and_no_stage(path: Path) -> None:
    """What it looks for lies in files, whichever stage wrote them; MLflow's runs are removed by whom it is given."""
    assert beyond(path, COMMON | {"cmrbridge.custody", "cmrbridge.runtime", "cmrbridge.plan.consent"}) == set()
    assert not any(within(name, {"cmrbridge.runtime.removal"}) for name in imports(path))
    assert foreign(imports(path)) <= {"numpy"}


@pytest.mark.parametrize("path", in_rooms("app"), ids=label)
def test_the_app_runs_without_what_trained_its_networks(path: Path) -> None:
    """It reads, places and measures as the workflow does, by the same code; nothing it can reach loads torch."""
    known = {"cmrbridge.app", "cmrbridge.data", "cmrbridge.evaluation", "cmrbridge.fetch.archives"}
    assert beyond(path, COMMON | known) == set()
    assert foreign(imports(path)) <= SERVING
    reached = [
        below for name in own(imports(path)) for one in (name, name.rpartition(".")[0]) for below in closure(one)
    ]
    for below in {path, *reached}:
        assert foreign(imports(below, top_level=True)) & (HEAVY | {"pandas", "matplotlib"}) == set(), label(below)


@pytest.mark.parametrize("path", EVERY, ids=label)
def test_only_tracking_imports_mlflow_and_only_the_estimate_snakemake(path: Path) -> None:
    if path not in TRACKING:
        assert "mlflow" not in tops(imports(path))
    if path != PACKAGE / "plan" / "dag.py":
        assert "snakemake" not in tops(imports(path))


def test_a_job_knows_nothing_of_tracking() -> None:
    """MLflow is fed by processes of their own, so that it can neither stop nor slow a training."""
    feeding = [f"cmrbridge.runtime.{name}" for name in ("entries", "registry", "removal", "sync", "tracking")]
    its = {PACKAGE / "runtime" / f"{name.rpartition('.')[2]}.py" for name in feeding}
    its |= {PACKAGE / "cli" / "tracking.py", PACKAGE / "cli" / "privacy.py", *files("custody")}
    users = [path for path in EVERY if any(within(name, set(feeding)) for name in imports(path))]
    assert set(users) <= its


@pytest.mark.parametrize("path", [*EVERY, *SCRIPTS], ids=label)
def test_nothing_is_pickled(path: Path) -> None:
    assert tops(imports(path)) & {"pickle", "cPickle", "dill", "joblib", "shelve", "cloudpickle"} == set()
    for call in (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)):
        assert ast.unparse(call.func) not in ("torch.load", "torch.save", "pd.read_pickle"), f"line {call.lineno}"
        for keyword in call.keywords:
            allowed = keyword.arg == "allow_pickle" and not (
                isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            )
            assert not allowed, f"line {call.lineno}: allow_pickle"


def test_nnunet_stays_in_its_cage() -> None:
    """One program imports it, with its own environment's Python; it knows nothing of ours and ours nothing of it."""
    caged = PACKAGE / "segmentation" / "nnunet" / "caged.py"
    assert [path for path in EVERY if "nnunetv2" in tops(imports(path))] == [caged]
    assert own(imports(caged)) == set()
    assert not [path for path in EVERY if "cmrbridge.segmentation.nnunet.caged" in imports(path)]


def test_the_command_line_is_thin() -> None:
    """It imports lazily, so that --help is quick and a machine needs only what its command uses."""
    for path in in_rooms("cli"):
        assert foreign(imports(path, top_level=True)) == set()
        assert not any(within(name, {f"cmrbridge.{room}" for room in STAGES}) for name in imports(path, top_level=True))


@pytest.mark.parametrize("module", TRAINABLE)
def test_training_runs_on_a_borrowed_machine(module: str) -> None:
    """There, only these wheels exist; anything else is imported inside the function that needs it."""
    running = closure(f"cmrbridge.{module}")
    assert running, "no such module"
    for path in running:
        assert foreign(imports(path, top_level=True)) <= BORROWED, label(path)


@pytest.mark.parametrize("path", SCRIPTS, ids=label)
def test_a_script_is_an_adapter(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    names = imports(path)
    stages = {name.rpartition(".")[0] for name in own(names) if not within(name, {"cmrbridge.runtime"})}
    assert len(text.splitlines()) <= 40
    assert "snakemake.config" not in text
    assert foreign(names) <= {"snakemake"}
    assert len(stages) <= 1, "one stage entry point"
    assert not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.walk(tree_of(path)))
    assert any(within(name, {"cmrbridge.runtime"}) for name in own(names))


@pytest.mark.parametrize("path", RULES, ids=label)
def test_rules_only_plan(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    imported = {m[1] for line in lines if (m := re.match(r"\s*(?:from|import)\s+([\w.]+)", line))}
    assert not [line for line in lines if re.match(r"\s+run:", line)], "run: blocks start a second Snakemake"
    assert foreign(imported) <= {"pandas", "snakemake", "yaml"}
    assert {name for name in own(imported) if not within(name, {"cmrbridge.plan", "cmrbridge.errors"})} == set()
    assert not [
        line for line in lines if re.search(r"\bconfig(\[.*\])+\s*=[^=]|config\.(update|setdefault|pop)\(", line)
    ]
