"""Kills tfgrec-train and its jobs again and again, and looks at what the last, undisturbed call makes of it.

python tests/kills/killed_runs.py --kills 1000 --folder /tmp/kills/runs
"""

import argparse
import contextlib
import dataclasses
import importlib
import json
import os
import random
import select
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

# Before anything imports TensorFlow or NumPy.
os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", OMP_NUM_THREADS="1")
os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
# The checkout first: folders of tests have its packages' names.
sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from file_events import FileEvents  # noqa: E402
from finished_run import FinishedRun, check_exports, check_whole  # noqa: E402
from forked_command import Fork, forked_jobs, members_of  # noqa: E402
from kill_moments import STAGES, Moment, StageSize, kill_moments  # noqa: E402
from tiny_world import write_tiny_world  # noqa: E402

from tfgrec.commands import train  # noqa: E402

_LONGEST_SECONDS = 900
_IMPORTED = ("beam_jobs.build_graph", "beam_jobs.sample_subgraphs", "beam_jobs.audit", "tfgrec.training.run_model")
_IMPORTED += ("tfgrec.training.trainer", "tfgrec.training.joining", "tfgrec.training.evaluation", "tfgrec.report")
# How many kills a run has in each stage; cheap ones have more.
PER_STAGE = {"graph": 40, "examples": 40, "audit": 30, "training": 10, "evaluation": 3, "export": 5, "report": 4}
# A run that was there before, with other records and another model: all of it is replaced.
_EARLIER = ("arm=no_graph", "sampling.history.shown=3", "build.shards=2", "training.seed=3")


@dataclasses.dataclass(frozen=True)
class Variant:
    """What is run.

    Attributes:
      settings: changes of the tiny world's configuration.
      earlier: whether there is an earlier run with other settings in its place.
    """

    settings: tuple[str, ...] = ()
    earlier: bool = False

    @property
    def earlier_exports(self) -> int:
        """The newest version of the export that is not this run's."""
        return 1 if self.earlier else 0


# With all stages, in the place of another run, and as small as can be.
ALL, REPLACING = Variant(), Variant(("arm=no_graph",), earlier=True)
SMALL = Variant(("arm=no_graph", "training.early_stopping=null", "training.epochs=1"))


class KilledRuns:
    """Runs in a folder of their own, each killed at many moments, each compared with one that was left alone."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._chance = folder, random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.problems: list[str] = []
        if not (folder / "world").exists():
            write_tiny_world(folder / "world")
        self._alone: dict[Variant, tuple[FinishedRun, Mapping[str, StageSize]]] = {}

    def run_one(self, name: str, variant: Variant, per_stage: Mapping[str, int], *, most: int) -> None:
        """Kills one run at most so often, lets it end, and looks at it."""
        expected, sizes = self._left_alone(variant)
        run, told = self._begin(name, variant), []
        try:
            for moment in kill_moments(self._chance, sizes, per_stage):
                if sum(self.kills.values()) >= most:
                    break
                told.append(moment)
                if not self._kill(run, variant, moment):
                    break
                if sum(self.kills.values()) % 10 == 0:
                    print(f"{sum(self.kills.values())} kills", flush=True)
            self._let_through(run, *variant.settings)
            self._look_at_end(run, variant)
            FinishedRun.read(run).check_equals(expected)
            shutil.rmtree(run)
        except AssertionError as problem:
            kept = run.with_name(f"failed-{len(self.problems)}")
            run.rename(kept)
            self.problems.append(f"{kept}: {problem}\n{told}")
            print(self.problems[-1], flush=True)

    def _left_alone(self, variant: Variant) -> tuple[FinishedRun, Mapping[str, StageSize]]:
        """A run that nobody kills, and how large its stages are; made once."""
        if variant not in self._alone:
            run = self._begin("alone", variant)
            sizes = self._measure(run, variant)
            self._look_at_end(run, variant)
            self._alone[variant] = FinishedRun.read(run), sizes
            print(f"left alone: {variant} {sizes}", flush=True)
        return self._alone[variant]

    def _begin(self, name: str, variant: Variant) -> Path:
        run = self._folder / name
        shutil.rmtree(run, ignore_errors=True)
        if variant.earlier:
            template = self._folder / "earlier"
            if not template.exists():
                made = self._folder / "made"
                shutil.rmtree(made, ignore_errors=True)
                made.mkdir()
                self._let_through(made, *_EARLIER)
                made.rename(template)
            shutil.copytree(template, run)
        else:
            run.mkdir()
        return run

    def _start(self, run: Path, *settings: str) -> Fork:
        world = self._folder / "world"
        places = ["--config", world / "config.yaml", "--data", world / "data", "--run-dir", run]
        arguments = [*map(str, places), *(["--set", *settings] if settings else [])]

        def work() -> int:
            import tensorflow as tf

            # Tiny functions run once: optimising them costs more than it saves.
            tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
            with forked_jobs():
                return train.main(arguments)

        return Fork(work)

    def _let_through(self, run: Path, *settings: str) -> list[str]:
        command = self._start(run, *settings)
        exit_code = command.finish(_LONGEST_SECONDS)
        assert exit_code == 0, "\n".join(command.lines)
        return command.lines

    def _look_at_end(self, run: Path, variant: Variant) -> None:
        """Looks whether a further call has nothing to do, and whether all exports can be served."""
        said = self._let_through(run, *variant.settings)
        again = [line for line in said if line.startswith(tuple(f"{name}:" for name in STAGES))]
        assert all("skipped" in line for line in again) and len(again) == len(STAGES), again
        served = Fork(lambda: check_exports(run, newer_than=variant.earlier_exports))
        assert served.finish(_LONGEST_SECONDS) == 0, "\n".join(served.lines)

    def _measure(self, run: Path, variant: Variant) -> Mapping[str, StageSize]:
        """Lets a run through; returns how much happens in each stage."""
        command, events = self._start(run, *variant.settings), FileEvents(run)
        counts, began, stage = Counter(), {}, None
        while command.exit_code is None:
            select.select([command, events], [], [], 1)
            for line in command.read() if select.select([command], [], [], 0)[0] else []:
                name = line.partition(":")[0]
                if name in STAGES and name not in began:
                    stage, began[name] = name, time.monotonic()
            counts[stage] += events.count()
        events.close()
        assert command.exit_code == 0, "\n".join(command.lines)
        ends = [*list(began.values())[1:], time.monotonic()]
        seconds = {name: end - start for (name, start), end in zip(began.items(), ends, strict=True)}
        return {name: StageSize(max(counts[name], 1), seconds[name]) for name in STAGES}

    def _kill(self, run: Path, variant: Variant, moment: Moment) -> bool:
        """Starts the command and kills it at a moment; whether it was killed and not over before."""
        command, events = self._start(run, *variant.settings), FileEvents(run)
        stage, due, seen, killed, over = moment.stage, None, 0, False, False
        deadline = time.monotonic() + _LONGEST_SECONDS
        while command.exit_code is None and not killed:
            assert time.monotonic() < deadline, "too slow:\n" + "\n".join(command.lines)
            wait = 1.0 if due is None or moment.events else max(due - time.monotonic(), 0)
            readable, _, _ = select.select([command, events], [], [], wait)
            for line in command.read() if command in readable else []:
                name, _, said = line.partition(":")
                # At the latest right after the stage's record.
                over = over or (due is not None and name in STAGES and "done in" in said)
                if name not in STAGES or "skipped" in said or "done in" in said:
                    continue
                stage = name
                # A stage that is over already is passed by: then the next one gets the kill.
                if due is None and STAGES.index(name) >= STAGES.index(moment.stage):
                    due, seen = time.monotonic() + moment.seconds, 0
                    events.count()
            seen += events.count()
            after_writes = moment.events is not None and seen >= moment.events
            at_time = moment.events is None and due is not None and time.monotonic() >= due
            if due is not None and command.exit_code is None and (after_writes or at_time or over):
                killed = _send(command, moment)
        events.close()
        exit_code = command.finish(_LONGEST_SECONDS)
        if not killed:
            assert exit_code == 0, "\n".join(command.lines)
            return False
        self._look_at(run, command, moment, stage)
        return True

    def _look_at(self, run: Path, command: Fork, moment: Moment, stage: str) -> None:
        said = "\n".join(command.lines)
        assert command.exit_code != 0 or "metrics.json" in said, said
        if moment.number != signal.SIGINT:
            assert "Traceback" not in said, said
        check_whole(run)
        self.kills[f"{stage} {moment.number.name} {moment.target}"] += 1

    def told(self) -> str:
        """How many kills there were, of which kind, and what was found."""
        return json.dumps({"kills": sum(self.kills.values()), "of": self.kills, "problems": self.problems}, indent=1)


def _send(command: Fork, moment: Moment) -> bool:
    """Kills; False where the job that was to be killed has just ended."""
    if moment.target == "group":
        os.killpg(command.pid, moment.number)
        return True
    jobs = [pid for pid in members_of(command.pid) if pid != command.pid] if moment.target == "job" else []
    with contextlib.suppress(ProcessLookupError):
        # Of a job and the process that forked it, the job is the later one.
        os.kill(max(jobs, default=command.pid), moment.number)
        return True
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True, help="where the runs are made")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no run after so many seconds")
    parser.add_argument("--small", action="store_true", help="the smallest training")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES, help="where to kill")
    parsed = parser.parse_args()
    started = time.monotonic()
    parsed.folder.mkdir(parents=True, exist_ok=True)
    (parsed.folder / "tmp").mkdir(exist_ok=True)
    # TensorFlow and Beam leave files there when they are killed.
    os.environ["TMPDIR"] = str(parsed.folder / "tmp")
    _import_all()
    runs = KilledRuns(parsed.folder, parsed.seed)
    few = parsed.kills <= len(parsed.stages)
    per_stage = {stage: 1 if few else PER_STAGE[stage] for stage in parsed.stages}
    variants, number = [SMALL] if parsed.small else [REPLACING, ALL], 0
    while sum(runs.kills.values()) < parsed.kills and time.monotonic() - started < parsed.seconds:
        runs.run_one(f"run-{number}", variants[number % len(variants)], per_stage, most=parsed.kills)
        number += 1
        print(f"{number} runs, {sum(runs.kills.values())} kills, {time.monotonic() - started:,.0f} s", flush=True)
    print(runs.told(), flush=True)
    return 1 if runs.problems else 0


def _import_all() -> None:
    """All that the command and its jobs import, once for all of them."""
    for name in _IMPORTED:
        importlib.import_module(name)


if __name__ == "__main__":
    sys.exit(main())
