"""Every rule is asked for by some test: the tiny study runs it (test_tiny.py), or a test that is named here, of which
those of nnU-Net need its environment, asks for it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
ELSEWHERE = {  # rule → the file that runs it, and the words of its study that ask for it
    "download": ("test_download.py", "download: acdc"),
    "convert_dicom": ("test_dicom.py", "reader: dicom"),
    "admit": ("test_admit.py", "pseudonymise: true"),
    "train_nnunet": ("test_nnunet.py", "architectures: [nnunet2d"),
    "predict_nnunet": ("test_nnunet.py", "architectures: [nnunet2d"),
    "apply_nnunet": ("test_nnunet.py", "apply: {domains: [clinic]"),
}


def of_the_tiny_study(folder: Path) -> set[str]:
    """Rules of the jobs that the targets of test_tiny.py take, from nothing."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(ROOT / "tests" / "tiny.yaml"), "--cores", "1", "-n", "all", "export"]
    result = subprocess.run(command, env=os.environ, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return set(re.findall(r"^(?:local)?rule (\w+):", result.stdout + result.stderr, flags=re.MULTILINE))


def test_every_rule_is_asked_for_by_some_test(tmp_path: Path) -> None:
    files = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    defined = set(re.findall(r"^(?:rule|checkpoint) (\w+):", text, flags=re.MULTILINE))
    left = defined - of_the_tiny_study(tmp_path)
    named = set(ELSEWHERE)
    assert left - named == set(), "no test runs these rules: give tests/tiny.yaml what asks for them"
    assert named - left == set(), "the tiny study runs these rules, or they are gone: they need no entry"


@pytest.mark.parametrize("rule", ELSEWHERE)
def test_the_test_that_is_named_asks_for_the_rule(rule: str) -> None:
    name, words = ELSEWHERE[rule]
    assert words in (HERE / name).read_text(encoding="utf-8")
