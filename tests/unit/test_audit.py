"""What pip-audit says is told; nothing that it could not look up passes for safe."""

import json
import os
import subprocess
import sys

import pytest

from preflare.book import Book

ROOT = Book.found().root
SAFE = {"name": "numpy", "version": "2.0", "vulns": []}
FLAW = {"id": "CVE-1", "fix_versions": ["3.2", "3.3"], "aliases": [], "description": ""}
FLAWED = {"name": "pillow", "version": "1.0", "vulns": [FLAW]}
UNKNOWN = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture
def audit(tmp_path):
    """Run the audit with another in the place of pip-audit."""

    def run(said, *flags, code=0):
        fake = tmp_path / "pip_audit"
        fake.mkdir()
        (fake / "__init__.py").touch()
        text = said if isinstance(said, str) else json.dumps({"dependencies": said, "fixes": []})
        (fake / "__main__.py").write_text(f"print({text!r})\nraise SystemExit({code})")
        return subprocess.run(
            [sys.executable, "-W", "error", ".ci/audit.py", *flags],
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def test_what_is_found_is_listed_and_fails_only_where_that_is_asked_for(audit):
    came = audit([SAFE, FLAWED, UNKNOWN], code=1)
    assert (came.returncode, came.stderr) == (0, "")
    assert came.stdout.splitlines() == [
        "pip-audit: pillow 1.0 has CVE-1, mended in 3.2, 3.3",
        "pip-audit: 1 are not known there: torch",
        "pip-audit: 1 known vulnerabilities in 2 packages",
    ]


def test_asked_to_be_strict_it_fails_for_what_is_found(audit):
    assert audit([SAFE, FLAWED], "--strict", code=1).returncode == 1


def test_asked_to_be_strict_it_passes_where_nothing_is_found(audit):
    came = audit([SAFE], "--strict")
    assert came.returncode == 0
    assert "0 known vulnerabilities in 1 packages" in came.stdout


@pytest.mark.parametrize("said", [[UNKNOWN, UNKNOWN], [], "", "[]", "<html>", '{"fixes": []}'])
@pytest.mark.parametrize("strict", [True, False])
def test_what_could_not_be_looked_up_does_not_pass_for_safe(audit, said, strict):
    came = audit(said, *["--strict"] * strict)
    assert came.stdout == "pip-audit: skipped, its data cannot be reached\n"
    assert came.returncode == int(strict)


def test_without_pip_audit_that_is_said(tmp_path):
    # As Python says it of a module that is missing; here one stands in its way.
    (tmp_path / "pip_audit.py").write_text("raise SystemExit('No module named pip_audit')")
    came = subprocess.run(
        [sys.executable, ".ci/audit.py"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert came.stdout == "pip-audit: skipped, it is not installed\n"


def test_a_build_tells_and_the_weekly_rebuild_insists():
    assert "\nmake audit AUDIT_FLAGS=\n" in (ROOT / ".ci" / "run").read_text()
    assert "AUDIT_FLAGS ?= --strict" in (ROOT / "Makefile").read_text()
    assert "make audit" in (ROOT / ".github" / "workflows" / "weekly.yml").read_text()
