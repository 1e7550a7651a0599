"""Kills the pipeline's local runner again and again, and looks at what the last, undisturbed call makes of it.

python tests/kills/killed_pipelines.py --kills 20 --folder /tmp/kills/pipelines
"""

import argparse
import json
import os
import random
import select
import signal
import sys
import time
from collections import Counter
from pathlib import Path

# Before anything imports TensorFlow or NumPy.
os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", OMP_NUM_THREADS="1")
os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tfx_pipeline"))

from daily_app import FIRST_DAY, App  # noqa: E402
from file_events import FileEvents  # noqa: E402
from finished_run import timeless  # noqa: E402
from forked_command import Fork  # noqa: E402

_LONGEST_SECONDS = 1_200
_SIGNALS = (signal.SIGKILL, signal.SIGTERM)
# After the components that take long.
_COMPONENTS = ("GraphBuilder", "SubgraphExampleGen", "LeakageAudit", "StatisticsGen", "Trainer", "Evaluator", "Pusher")
_MOST_EVENTS = 60


class KilledPipeline:
    """One pipeline of the small daily app, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._app = App(folder)

    def run(self) -> Fork:
        """Starts the runner."""
        return Fork(lambda: self._app.run(FIRST_DAY))

    def kill(self, chance: random.Random, component: str) -> str:
        """Starts the runner and kills it some writes into a component, or after it; tells where and how."""
        number, left = chance.choice(_SIGNALS), chance.randrange(_MOST_EVENTS)
        self._app.root.mkdir(exist_ok=True)
        command, events, began = self.run(), FileEvents(self._app.root), False
        deadline = time.monotonic() + _LONGEST_SECONDS
        while command.exit_code is None:
            assert time.monotonic() < deadline, "\n".join(command.lines)
            readable, _, _ = select.select([command, events], [], [], 1)
            said = command.read() if command in readable else []
            began = began or any(line.startswith(f"{component} ...") for line in said)
            left -= events.count() if began else 0 * events.count()
            if began and left <= 0 and command.exit_code is None:
                os.kill(command.pid, number)
                break
        events.close()
        exit_code = command.finish(_LONGEST_SECONDS)
        return f"{component} {number.name}" if exit_code else ""

    def finish(self) -> dict:
        """Lets the runner end; what is to be the same however often it was killed before.

        Raises:
          AssertionError: it does not end well, or leaves something half done.
        """
        for expected in ("done", "cached"):
            command = self.run()
            assert command.finish(_LONGEST_SECONDS) == 0, "\n".join(command.lines)
            states = Fork(lambda: print(json.dumps(self._app.states())))
            assert states.finish(_LONGEST_SECONDS) == 0
            told = json.loads(states.lines[-1])
            # A resolver looks each time.
            told.pop("BlessedModel")
            assert set(told.values()) <= {"cached", expected}, states.lines
        root = self._app.root
        assert not any((root / "work").iterdir()), list((root / "work").iterdir())
        half = [path for path in (root / "serving").glob("*/*") if not (path / "saved_model.pb").exists()]
        assert len(half) < len(self._app.versions), half
        audits = [json.loads(path.read_text()) for path in root.glob("artifacts/LeakageAudit/report/*/audit.json")]
        assert audits and all(audit["passed"] and audit["recounted"]["records"] for audit in audits)
        newest = max(root.glob("artifacts/Trainer/model_run/*/metrics.json"), key=lambda path: int(path.parent.name))
        return timeless(json.loads(newest.read_text()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True, help="where the pipelines are made; must not be there")
    parsed = parser.parse_args()
    import tfx_pipeline.local.local_run  # noqa: F401

    chance, kills = random.Random(parsed.seed), Counter()
    expected = KilledPipeline(parsed.folder / "alone").finish()
    print("left alone", flush=True)
    killed = KilledPipeline(parsed.folder / "killed")
    for number in range(parsed.kills):
        kills[killed.kill(chance, _COMPONENTS[number * len(_COMPONENTS) // parsed.kills])] += 1
        print(f"{sum(kills.values())} kills", flush=True)
    found = killed.finish()
    assert found == expected, f"other metrics: {found}, expected {expected}"
    print(json.dumps({"kills": sum(kills.values()) - kills[""], "of": kills}, indent=1), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
