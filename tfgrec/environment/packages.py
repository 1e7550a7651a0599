"""Checks of the installed packages against setup.py's requirements and against the lock file; imports none of them."""

import importlib.metadata
from collections.abc import Callable, Iterable
from pathlib import Path

from packaging.requirements import Requirement

from tfgrec.environment.finding import Finding

# Not required by name in setup.py, but what mismatched environments most often fail by.
TELLING_PACKAGES = ("protobuf",)
MOST_DIFFERENCES_SHOWN = 8

InstalledVersion = Callable[[str], str | None]


def installed_version(name: str) -> str | None:
    """Returns the version of an installed package, None if it is not there."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def declared_requirements() -> list[Requirement] | None:
    """Returns what tfgrec's own metadata require, extras included; None where tfgrec itself is not installed."""
    try:
        lines = importlib.metadata.requires("tfgrec") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return [Requirement(line) for line in lines]


def check_requirements(
    requirements: Iterable[Requirement] | None, version_of: InstalledVersion = installed_version
) -> list[Finding]:
    """Compares each requirement that holds for this Python with what is installed.

    Args:
      requirements: of tfgrec, extras included; None if tfgrec is not installed.
      version_of: gives a package's installed version or None.
    """
    if requirements is None:
        advice = "run `make setup`, or `python -m pip install -e .` in tfgrec's folder"
        return [Finding("tfgrec", "not installed: its commands and Beam workers need it", "mend", advice)]
    findings = [Finding("tfgrec", version_of("tfgrec") or "?")]
    for requirement in requirements:
        if _holds(requirement):
            findings.append(_compare(requirement, version_of(requirement.name)))
        elif _holds(requirement, extra="tfx"):
            findings.append(_compare(requirement, version_of(requirement.name), optional=True))
    for name in TELLING_PACKAGES:
        findings.append(Finding(name, version_of(name) or "not installed"))
    return findings


def check_lock(lock: Path, version_of: InstalledVersion = installed_version) -> Finding:
    """Compares what is installed with a lock file; packages that are not installed at all don't count as different."""
    if not lock.is_file():
        return Finding("lock file", "none beside this installation: nothing to compare with")
    locked = read_lock(lock)
    installed = {name: version_of(name) for name in locked}
    different = [
        f"{name} {installed[name]} (locked: {version})"
        for name, version in locked.items()
        if installed[name] not in (None, version)
    ]
    absent = sum(version is None for version in installed.values())
    found = f"{lock.name}: {len(locked) - len(different) - absent} of {len(locked)} packages as locked"
    if absent:
        found += f", {absent} not installed"
    if not different:
        return Finding("lock file", found)
    shown = different[:MOST_DIFFERENCES_SHOWN]
    if len(different) > len(shown):
        shown.append(f"and {len(different) - len(shown)} more")
    advice = "tested are the locked versions alone, `make setup` installs them; here are " + ", ".join(shown)
    return Finding("lock file", found, "note", advice)


def read_lock(lock: Path) -> dict[str, str]:
    """Returns name and version of the packages that a lock file has for this Python."""
    lines = (line.strip() for line in lock.read_text(encoding="utf-8").splitlines())
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {
        requirement.name: next(iter(requirement.specifier)).version
        for requirement in requirements
        if _holds(requirement)
    }


def _holds(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _compare(requirement: Requirement, version: str | None, *, optional: bool = False) -> Finding:
    wanted = f"{requirement.name}{requirement.specifier}"
    if version is None and optional:
        return Finding(requirement.name, "not installed", "note", f"for tfx_pipeline alone: `pip install '{wanted}'`")
    if version is None or not requirement.specifier.contains(version, prereleases=True):
        found = "not installed" if version is None else version
        return Finding(requirement.name, found, "mend", f"`make setup`, or `pip install '{wanted}'`")
    return Finding(requirement.name, version)
