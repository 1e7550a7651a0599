"""tfgrec-doctor as a command."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import tfgrec
from tfgrec.commands import doctor
from tfgrec.environment.finding import Finding

REPOSITORY = Path(tfgrec.__file__).parents[1]
FINE = [Finding("Python", "3.10.13"), Finding("GPU", "A100", "note", "pip install 'tensorflow[and-cuda]==2.16.2'")]
BROKEN = [*FINE, Finding("tfx-bsl", "not installed", "mend", "`make setup`")]


@pytest.mark.parametrize(("findings", "code"), [(FINE, 0), (BROKEN, 1)])
def test_exit_code_and_json(findings, code, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine", lambda started_with: findings)
    assert doctor.main(["--json"]) == code
    printed = json.loads(capsys.readouterr().out)
    assert [Finding(**entry) for entry in printed] == findings


def test_report_names_each_thing_and_how_to_mend_it():
    output = io.StringIO()
    doctor.show(BROKEN, Console(file=output, width=80))
    text = output.getvalue()
    assert "tensorflow[and-cuda]==2.16.2" in text  # Brackets are text here, not rich's markup.
    assert "To mend\n  mend tfx-bsl: `make setup`" in text
    assert "Nothing to mend" not in text


def test_report_of_a_sound_machine():
    output = io.StringIO()
    doctor.show(FINE, Console(file=output, width=80))
    assert output.getvalue().rstrip().endswith("Nothing to mend.")


def test_doctor_runs_where_the_packages_it_checks_are_missing():
    """And so imports none of them into its own process."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:]))\n"  # None there makes an import fail.
        "import tfgrec.commands.doctor"
    )
    checked = [
        "tensorflow",
        "apache_beam",
        "tfx_bsl",
        "google",
        "numpy",
        "pandas",
        "plotly",
        "pyarrow",
        "pydantic",
        "yaml",
    ]
    subprocess.run([sys.executable, "-c", code, *checked], cwd=REPOSITORY, check=True)


def test_the_environment_before_tfgrec_changed_it():
    code = "from tfgrec.commands.doctor import initial_environment as i; print(i().get('TF_USE_LEGACY_KERAS'))"
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    command = [sys.executable, "-c", code]
    for expected, variables in (("None", {}), ("0", {"TF_USE_LEGACY_KERAS": "0"})):
        run = subprocess.run(
            command, cwd=REPOSITORY, env={**environment, **variables}, capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == expected


@pytest.mark.slow
def test_this_environment_is_sound():
    """With the real frameworks, and as users call it."""
    command = [sys.executable, "-m", "tfgrec.commands.doctor", "--json"]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    findings = {entry["name"]: entry for entry in json.loads(run.stdout)}
    to_mend = [entry for entry in findings.values() if entry["status"] == "mend" and entry["name"] != "disk"]
    assert to_mend == []
    assert findings["Keras in tfgrec"]["found"] == "Keras 2 (tf-keras)"
    assert {"TensorFlow", "TF-GNN", "TFRS", "Beam", "tfx_bsl", "tfx", "GPU", "lock file", "cores"} <= findings.keys()
