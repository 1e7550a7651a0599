"""Two replicas, each with a part of a batch, step as one model steps that sees the whole batch."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest


@pytest.mark.slow
def test_two_replicas_train_as_one_model_on_all_they_see() -> None:
    """Parts have unlike numbers of labels, one none for a task; gradients are clipped; GradNorm rests in turn."""
    script = os.path.join(os.path.dirname(__file__), "replicated_steps.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["replicas_are_equal"]
    for report in found["reports"]:
        for name, (first, second, alone) in report.items():
            assert first == second and first == pytest.approx(alone, rel=1e-5), name
    # Rounding alone: every variable has moved by more than it differs.
    assert max(found["difference"].values()) < 1e-6
    still = [name for name, change in found["change"].items() if change <= 2 * found["difference"][name]]
    assert not [name for name in still if "weights" in name or "initial_losses" in name or "kernel" in name]
    weights = np.array(
        [[report[f"weight/{name}"][0] for name in ("click", "auto_encoder")] for report in found["reports"]]
    )
    assert np.array_equal(weights[0], weights[1]) and not np.allclose(weights[1], weights[2])
