"""The Makefile: which environment it takes, and what it refuses."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path):
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(checkout, *arguments, **environment):
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("CONDA")}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=checkout, env=inherited | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_without_an_environment_a_virtual_one_is_made_from_the_lock_file(checkout):
    planned = make(checkout, "-n", "book").stdout
    assert "-m venv --clear .venv" in planned
    assert ".venv/bin/python -m pip install" in planned
    assert "--requirement requirements.lock" in planned
    assert ".venv/bin/python -m preflare book" in planned


def test_what_is_ready_is_not_made_again_until_the_lock_file_changes(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").touch()
    (checkout / ".venv" / ".preflare-ready").touch()
    assert "pip install" not in make(checkout, "-n", "book").stdout
    later = (checkout / ".venv" / ".preflare-ready").stat().st_mtime + 10
    os.utime(checkout / "requirements.lock", (later, later))
    planned = make(checkout, "-n", "book").stdout
    assert "pip install" in planned
    assert "-m venv" not in planned


def test_an_active_conda_environment_with_preflare_is_used(checkout, tmp_path):
    prefix = tmp_path / "conda" / "envs" / "preflare"
    (prefix / "bin").mkdir(parents=True)
    for name in ("python", "preflare"):
        (prefix / "bin" / name).touch()
    planned = make(checkout, "-n", "book", CONDA_PREFIX=str(prefix)).stdout
    assert f"{prefix}/bin/python -m preflare book" in planned
    assert ".venv" not in planned


def test_another_conda_environment_is_left_alone(checkout, tmp_path):
    (tmp_path / "base" / "bin").mkdir(parents=True)
    planned = make(checkout, "-n", "book", CONDA_PREFIX=str(tmp_path / "base")).stdout
    assert ".venv/bin/python -m preflare book" in planned


def test_a_python_of_the_wrong_version_is_refused_in_one_sentence(checkout):
    fake = checkout / "python3.9"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    done = make(checkout, "book", f"PYTHON={fake}")
    assert done.returncode != 0
    assert f"{fake} is not one of them: set PYTHON" in done.stderr
    assert not (checkout / ".venv").exists()


def test_conda_installs_what_the_lock_file_pins():
    text = (ROOT / "environment.yml").read_text()
    assert "--requirement requirements.lock" in text
    pinned = (ROOT / "requirements.lock").read_text().splitlines()
    assert "torch==2.13.0" in pinned
    assert all("==" in line for line in pinned if line and not line.startswith("#"))


@pytest.mark.parametrize(
    ("given", "flags"), [((), []), (("SOLUTIONS=0",), []), (("SOLUTIONS=1",), ["--solutions"])]
)
def test_solutions_are_built_for_those_who_ask(checkout, given, flags):
    planned = make(checkout, "-n", "book", "BOOK_FLAGS=--force", *given).stdout.splitlines()[-1]
    assert planned.split()[1:] == ["-m", "preflare", "book", *flags, "--force"]


@pytest.mark.parametrize("given", ["yes", "2", ""])
def test_solutions_are_built_or_not_and_nothing_else(checkout, given):
    done = make(checkout, "-n", "book", f"SOLUTIONS={given}")
    assert done.returncode != 0
    assert f'SOLUTIONS is "{given}": set it to 1 for a book with solutions, or to 0' in done.stderr
