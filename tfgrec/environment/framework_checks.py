"""Checks that the frameworks can be imported, in a process of their own, so that even a crash is a finding."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tfgrec.environment.finding import Finding
from tfgrec.environment.packages import installed_version

SECONDS = 300.0
_PROBE = "tfgrec.environment.framework_probe"
_REINSTALL = "`make setup` installs the tested versions"


def check_frameworks(
    environment: Mapping[str, str], hardware: Sequence[str], seconds: float = SECONDS
) -> list[Finding]:
    """Imports TensorFlow, TF-GNN, TFRS, Beam and tfx_bsl in a new process.

    Args:
      environment: the environment variables of that process.
      hardware: names of the GPUs that the machine has.
      seconds: how long to wait.
    """
    command = [sys.executable, "-m", _PROBE]
    try:
        run = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        output = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
        return _findings(_steps(output), hardware, ending=f"did not end within {seconds:.0f} s")
    ending = "" if run.returncode == 0 else _describe_exit(run.returncode, run.stderr)
    return _findings(_steps(run.stdout), hardware, ending)


def check_plain_keras(environment: Mapping[str, str]) -> Finding:
    """Tells which Keras programs get that import TensorFlow before tfgrec, or without it.

    Args:
      environment: the variables that this process was started with, before tfgrec changed them.
    """
    value = environment.get("TF_USE_LEGACY_KERAS")
    if value in ("1", "true", "True"):
        return Finding("Keras outside tfgrec", f"Keras 2, since TF_USE_LEGACY_KERAS={value}")
    found = "Keras 3" if value is None else f"Keras 3, since TF_USE_LEGACY_KERAS={value}"
    advice = "notebooks that import TensorFlow before tfgrec need `export TF_USE_LEGACY_KERAS=1`"
    return Finding("Keras outside tfgrec", found, "note", advice)


def _steps(output: str) -> dict[str, dict[str, str]]:
    """Returns the last line about each step; anything else that the frameworks print is passed over."""
    steps = {}
    for line in output.splitlines():
        if line.startswith('{"step"'):
            values = json.loads(line)
            steps[values["step"]] = values
    return steps


def _findings(steps: dict[str, dict[str, str]], hardware: Sequence[str], ending: str) -> list[Finding]:
    findings = []
    for name, step in steps.items():
        if step["state"] == "started":
            findings.append(Finding(name, f"the process {ending}", "mend", _REINSTALL))
        elif step["state"] == "failed":
            findings.append(Finding(name, step["found"], "mend", _REINSTALL))
        elif name == "Keras":
            findings.append(_keras(step["found"]))
        elif name == "GPU":
            findings.append(_gpu(step["found"], hardware))
        else:
            findings.append(Finding(name, step["found"]))
    if ending and not any(finding.status == "mend" for finding in findings):
        findings.append(Finding("frameworks", f"the process {ending}", "mend", _REINSTALL))
    return findings


def _keras(flavour: str) -> Finding:
    if flavour == "tf_keras":
        return Finding("Keras in tfgrec", "Keras 2 (tf-keras)")
    advice = (
        "something imports TensorFlow before tfgrec does (a sitecustomize or .pth file?): "
        "set TF_USE_LEGACY_KERAS=1 before Python starts"
    )
    return Finding("Keras in tfgrec", f"Keras 3 ({flavour})", "mend", advice)


def _gpu(seen: str, hardware: Sequence[str]) -> Finding:
    if seen:
        return Finding("GPU", f"{seen} ({', '.join(hardware) or 'unknown type'})")
    if not hardware:
        return Finding("GPU", "none: training runs on the processor")
    wanted = f"tensorflow[and-cuda]=={installed_version('tensorflow')}"
    advice = f"to use it, install the CUDA libraries of this TensorFlow: `pip install '{wanted}'`"
    return Finding("GPU", f"{', '.join(hardware)}, not seen by TensorFlow", "note", advice)


def _describe_exit(code: int, errors: str) -> str:
    last = errors.strip().splitlines()[-1] if errors.strip() else "no message"
    if code >= 0:
        return f"ended with exit code {code}: {last}"
    name = signal.Signals(-code).name
    if name == "SIGILL":
        return "was ended by SIGILL: TensorFlow's packages need a processor with AVX"
    return f"was ended by {name}: {last}"
