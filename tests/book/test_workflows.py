"""The workflows run what a developer runs, and publish where the pages say."""

import pytest
import yaml

from preflare.book import Book
from preflare.colophon import PUBLISHED, REPOSITORY

ROOT = Book.found().root
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps(workflow):
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    return [step.get("run", "") for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_it_runs_both_commands_with_few_rights_and_a_limit(workflow):
    content = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert "bash .ci/run" in steps(workflow)
    assert content["permissions"]["contents"] == "read"
    limits = [job["timeout-minutes"] for job in content["jobs"].values() if len(job["steps"]) > 3]
    assert limits == [90]


def test_the_site_goes_to_the_branch_that_pages_link_to():
    (site,) = (path for path in WORKFLOWS if path.stem == "site")
    content = yaml.safe_load(site.read_text(encoding="utf-8"))
    assert REPOSITORY in content["env"]
    assert any(f"--initial-branch {PUBLISHED}" in step for step in steps(site))


def test_one_rebuilds_every_week_on_every_python():
    (weekly,) = (path for path in WORKFLOWS if path.stem == "weekly")
    content = yaml.safe_load(weekly.read_text(encoding="utf-8"))
    (scratch,) = content["jobs"].values()
    assert scratch["strategy"]["matrix"]["python-version"] == ["3.11", "3.12", "3.13"]
    assert content[True]["schedule"]  # YAML reads the key "on" as true
    assert content["env"]["TEST_FLAGS"] == "--thorough"
