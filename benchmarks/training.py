"""Training speed on KuaiRand: python -m benchmarks.training --data DIR --json FILE (some seven minutes)."""

import dataclasses
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.interleaved import Rounds, interleaved_seconds, median_ratio
from benchmarks.pyg_batches import write_batches
from benchmarks.pyg_peer import PeerUnavailable, PygPeer, peer_python
from benchmarks.results import benchmark_parser, tell
from benchmarks.sampled_run import FEWER_DAYS, sampled_run
from benchmarks.training_variants import Batch, TrainingVariant
from tfgrec.config import RunConfig, load_run_config
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.run.run_directory import RunDirectory

_CONFIG = Path(__file__).parents[1] / "configs" / "kuairand.yaml"
_BATCHES = 10
_ROUNDS = 9

_FIXED = ("model.balancing.method=fixed",)
_NO_AUTO_ENCODER = ("model.auto_encoder.enabled=false",)
_NO_MATCH = ("model.fusion.match=none",)
_SECOND_PASS = ("model.auto_encoder.forward_pass=second",)

# What the peer computes: two rounds of GraphSAGE, 64 wide, fan-out 10 and 5, one bottom and a tower a task; no more.
_GRAPH_SAGE = (
    "sampling.hops=[{exposed: 10, exposed_by: 10}, {exposed: 5, exposed_by: 5}]",
    "sampling.history={}",
    "model.features={}",
    "model.numeric_transforms=null",
    "model.encoder={update: graph_sage, rounds: 2, units: 64, residual: false, normalization: none, dropout: 0}",
    "model.fusion={feature_level: concat, representation_level: none}",
    "model.towers={cross_layers: 0, bottom_units: [128], task_units: [64], dropout: 0}",
    *_NO_AUTO_ENCODER,
    *_FIXED,
)


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = benchmark_parser("training", "Training steps: GradNorm, auto-encoder, input pipeline, PyTorch Geometric.")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="KuaiRand-Pure's tables")
    parser.add_argument("--config", default=_CONFIG, type=Path, metavar="YAML", help=f"default: {_CONFIG.name}")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="changes the configuration of all that is timed"
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keeps graph, records and peer, to be used again")
    parser.add_argument("--peer-python", type=Path, metavar="FILE", help="a Python that has torch_geometric")
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"of {_BATCHES} steps each (default: {_ROUNDS})")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        work = Work(args.config, args.data, args.folder or Path(temporary), tuple(args.set), args.rounds)
        tell({**measure(work), "graph_sage": measure_graph_sage(work, args.peer_python)}, args.json)


@dataclasses.dataclass(frozen=True)
class Work:
    """What is measured, and where its files go."""

    config: Path
    data: Path
    folder: Path
    overrides: tuple[str, ...] = ()
    rounds: int = _ROUNDS

    def load(self, *changes: str) -> RunConfig:
        """The configuration with the command line's changes, and these."""
        return load_run_config(self.config, [*FEWER_DAYS, *self.overrides, *changes])

    def sampled(self, name: str, config: RunConfig) -> tuple[RunDirectory, float | None]:
        """What `sampled_run` tells."""
        return sampled_run(name, config, data=self.data, folder=self.folder)


def measure(work: Work) -> dict[str, Any]:
    """The configured model against what its parts cost, on batches in memory and from the input pipeline."""
    run, _ = work.sampled("records", work.load())
    changes = {
        "joint": (),
        "fixed": _FIXED,
        "no_auto_encoder": _NO_AUTO_ENCODER,
        "second_pass": _SECOND_PASS,
        "no_match": _NO_MATCH,
    }
    variants = {name: TrainingVariant(work.load(*of_variant), run) for name, of_variant in changes.items()}
    joint = variants["joint"]
    batches = _some_batches(joint)
    contenders = {name: variant.rounds(variant.step, batches) for name, variant in variants.items()}
    contenders |= {
        "represent": joint.rounds(joint.represent, batches),
        "losses": joint.rounds(joint.losses, batches),
        "gradients": joint.rounds(joint.gradients, batches),
        "pipeline": joint.rounds_of_pipeline(_BATCHES),
        "input": _rounds_of_input(joint),
    }
    rounds = _measured(contenders, work.rounds)
    return {
        "gradnorm_over_fixed": median_ratio(rounds, "joint", "fixed"),
        "gfae_over_none": median_ratio(rounds, "joint", "no_auto_encoder"),
        "match_over_none": median_ratio(rounds, "joint", "no_match"),
        "gfae_second_pass_over_shared": median_ratio(rounds, "second_pass", "joint"),
        "pipeline_over_cached": median_ratio(rounds, "joint", "pipeline"),
        "requests_per_second": _rate(rounds["pipeline"], joint),
        "requests_per_second_of_batches_in_memory": {name: _rate(rounds[name], joint) for name in variants},
        "requests_per_second_of_input_alone": _rate(rounds["input"], joint),
        "shares_of_a_step": _shares(rounds),
        "batch_size": joint.batch_size,
        "requests": ExamplesDirectory.open(run.examples).split("train").num_requests,
    }


def measure_graph_sage(work: Work, python: Path | None) -> dict[str, Any]:
    """GraphSAGE alone, beside PyTorch Geometric's on the same batches where that can be had.

    The peer gets its batches in memory, with look-ups and normalisation done; so does ours in `pyg_step_over_ours`, but
    for the look-ups. With sampling, a request also takes its share of the sampling job, start-up included.
    """
    run, seconds = work.sampled("graph_sage", work.load(*_GRAPH_SAGE))
    variant = TrainingVariant(work.load(*_GRAPH_SAGE), run)
    batches = _some_batches(variant)
    contenders = {
        "cached": variant.rounds(variant.step, batches),
        "pipeline": variant.rounds_of_pipeline(_BATCHES),
    }
    with tempfile.TemporaryDirectory() as folder:
        write_batches((variant.unflattened(batch) for batch in batches), Path(folder) / "batches")
        try:
            with PygPeer(python or peer_python(work.folder / "peer"), Path(folder) / "batches") as peer:
                rounds = _measured({**contenders, "peer": peer.round}, work.rounds)
                about = peer.about
        except PeerUnavailable as error:
            rounds, about = _measured(contenders, work.rounds), {"unavailable": str(error)}
    rate = _rate(rounds["pipeline"], variant)
    results = {"requests_per_second": rate, "requests_per_second_in_memory": _rate(rounds["cached"], variant)}
    if seconds is not None:
        requests = ExamplesDirectory.open(run.examples)
        sampled = sum(split.num_requests for split in requests.splits.values())
        results["requests_per_second_with_sampling"] = round(1 / (1 / rate + seconds / sampled), 1)
        results["sampled_requests_per_second"] = round(sampled / seconds, 1)
    if "peer" in rounds:
        results["pyg_requests_per_second_in_memory"] = _rate(rounds["peer"], variant)
        results["pyg_step_over_ours"] = median_ratio(rounds, "peer", "cached")
    return {**results, "pyg": about}


def _some_batches(variant: TrainingVariant) -> list[Batch]:
    batches = variant.batches()
    return [next(batches) for _ in range(_BATCHES)]


def _rounds_of_input(variant: TrainingVariant) -> Any:
    batches = variant.batches()

    def run() -> None:
        for _ in range(_BATCHES):
            next(batches)

    return run


def _measured(contenders: Mapping[str, Any], rounds: int) -> Rounds:
    """The first round, in which functions are traced and buffers filled, does not count."""
    interleaved_seconds(contenders, 1)
    return interleaved_seconds(contenders, rounds)


def _rate(seconds: Sequence[float], variant: TrainingVariant) -> float:
    return round(_BATCHES * variant.batch_size / statistics.median(seconds), 1)


def _shares(rounds: Rounds) -> dict[str, float]:
    """Of a step with the pipeline: differences of the medians of functions that each do a part more.

    The differences carry the noise of both medians, and what runs side by side is told once.
    """
    median = {name: statistics.median(seconds) for name, seconds in rounds.items()}
    parts = {
        "look_ups_and_encoder_forward": median["represent"],
        "heads_and_losses_forward": median["losses"] - median["represent"],
        "backward": median["gradients"] - median["losses"],
        "optimizer": median["fixed"] - median["gradients"],
        "gradnorm": median["joint"] - median["fixed"],
        "input_pipeline": median["pipeline"] - median["joint"],
    }
    return {name: round(seconds / median["pipeline"], 3) for name, seconds in parts.items()}


if __name__ == "__main__":
    sys.exit(main())
