"""Look up known vulnerabilities of the pinned dependencies, by pip-audit.

What is found is listed. With --strict it is also a failure, as is an audit that could not be made:
`make audit` asks for that, and so does the weekly rebuild. The build of a change does not, for what
was published overnight is no fault of the change.
"""

import json
import subprocess
import sys

COMMAND = [
    *(sys.executable, "-m", "pip_audit", "--requirement", "requirements.lock"),
    *("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"),
]


def audited():
    """Return what pip-audit says of each dependency, or a word on why it says nothing."""
    outcome = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    if "No module named pip_audit" in outcome.stderr:
        return "it is not installed"
    try:
        told = json.loads(outcome.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return "its data cannot be reached"
    # Where no server answers as it should, it says of each that there is no such package.
    return told if any("vulns" in each for each in told) else "its data cannot be reached"


def main(strict):
    """Print what is known; return whether that is a failure."""
    told = audited()
    if isinstance(told, str):
        print(f"pip-audit: skipped, {told}")
        return strict
    unknown = [each["name"] for each in told if "vulns" not in each]
    found = [(each, flaw) for each in told for flaw in each.get("vulns", [])]
    for each, flaw in found:
        mended = ", ".join(flaw["fix_versions"]) or "no version"
        print(f"pip-audit: {each['name']} {each['version']} has {flaw['id']}, mended in {mended}")
    if unknown:
        print(f"pip-audit: {len(unknown)} are not known there: {', '.join(unknown)}")
    print(f"pip-audit: {len(found)} known vulnerabilities in {len(told) - len(unknown)} packages")
    return strict and bool(found)


if __name__ == "__main__":
    sys.exit(main("--strict" in sys.argv[1:]))
