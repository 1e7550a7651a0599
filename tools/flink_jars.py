"""The jars of a Flink cluster that runs Beam's Python jobs: fetched once with Maven, kept in a folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path

from tools.python_stacks import SetupError

POM = Path(__file__).resolve().parent / "flink" / "pom.xml"
_NAMESPACE = "{http://maven.apache.org/POM/4.0.0}"
_LAST_LINES = 15


def flink_jars(folder: str = "") -> Path:
    """Returns the folder of the jars: `folder`, which has to hold them, or the cache, filled on the first call.

    Raises:
      SetupError: the jars are not of this environment's Beam version, or can't be fetched; says what to mend.
    """
    beam = installed_beam_version()
    if folder:
        if not list(Path(folder).glob(f"beam-runners-flink-*-{beam}.jar")):
            raise SetupError(
                f"--jars {folder}: there is no beam-runners-flink-*-{beam}.jar: Beam's Java and Python sides must be "
                f"of one version, and this environment has apache-beam {beam}"
            )
        return Path(folder).resolve()
    if flink_beam_version() != beam:
        raise SetupError(
            f"{POM} names the jars of Beam {flink_beam_version()}, this environment has apache-beam {beam}, and both "
            "must be of one version: set up stack A (`make setup STACK=A`), or give a folder with the jars of "
            f"Beam {beam} (--jars)"
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfgrec"
    # A changed pom.xml names another folder.
    jars = cache / f"flink-jars-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if not jars.is_dir():
        _fetch(jars)
    return jars


def installed_beam_version() -> str:
    """The version of apache-beam in this environment."""
    return metadata.version("apache-beam")


def flink_beam_version() -> str:
    """The version of Beam's Java side that pom.xml names."""
    return ElementTree.parse(POM).getroot().findtext(f"{_NAMESPACE}properties/{_NAMESPACE}beam.version")


def _fetch(jars: Path) -> None:
    """Fetches the jars into a folder beside, which takes its place when it is whole."""
    if shutil.which("mvn") is None:
        raise SetupError("Maven (mvn) is not on PATH: install it (Debian's package maven) to fetch Flink's jars")
    jars.parent.mkdir(parents=True, exist_ok=True)
    print(f"fetching Flink's jars with Maven into {jars} (160 MB, once)", flush=True)
    with tempfile.TemporaryDirectory(prefix=f"{jars.name}.unfinished-", dir=jars.parent) as unfinished:
        fetched = Path(unfinished) / "jars"
        command = ["mvn", "--batch-mode", "--quiet", "--file", str(POM), "dependency:copy-dependencies"]
        done = subprocess.run([*command, f"-DoutputDirectory={fetched}"], capture_output=True, text=True)
        if done.returncode != 0:
            told = "\n".join((done.stdout + done.stderr).splitlines()[-_LAST_LINES:])
            raise SetupError(f"Maven could not fetch Flink's jars:\n{told}")
        if not jars.is_dir():  # Somebody else may have been faster.
            fetched.rename(jars)
