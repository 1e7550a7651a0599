"""Arms and variants trained on the same graph and the same requests, and compared on the same validation rows."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfgrec.config import RunConfig
from tfgrec.files import StrPath
from tfgrec.run.claim import claimed
from tfgrec.run.run_directory import RunDirectory
from tfgrec.stages.comparison_files import write_comparison
from tfgrec.stages.contenders import Contender
from tfgrec.stages.data_stages import DataStages
from tfgrec.stages.model_stages import ModelStages

if TYPE_CHECKING:
    from tfgrec.report import ArmComparison


class Comparison:
    """Runs of several contenders and training seeds in one folder, which share graph, schema and records.

    A variant that samples otherwise, or trains on other days, has records of its own in `records/<fingerprint>`: one
    folder for each distinct configuration of the data, whoever uses it, made from the shared graph.

    Args:
      config: what graph and records are made by, where a contender does not say otherwise.
      root: the folder; runs are in `arms/<arm>/seed-<seed>` and `variants/<name>/seed-<seed>`.
      data: the folder of the tables.
      contenders: what to train, in this order; no two have the same name.
      seeds: training seeds, one run of each contender for each; None or none: the configuration's.
      announce: told what is done or skipped, and why.
      verify: whether all bytes of tables, graph and records are read to see that they are as they were.
    """

    def __init__(
        self,
        config: RunConfig,
        *,
        root: Path,
        data: StrPath,
        contenders: Sequence[Contender],
        seeds: Sequence[int] | None = None,
        announce: Callable[[str], None] = print,
        verify: bool = False,
    ):
        self._config = config
        self._root = root
        self._data = data
        self._contenders = contenders
        self._seeds = list(dict.fromkeys(seeds or [config.training.seed]))
        self._announce, self._verify = announce, verify

    def run(self, *, baseline: str) -> "ArmComparison":
        """Trains what is not trained yet; writes comparison.json and comparison.html. Holds each folder it writes to.

        Raises:
          StageFailed: a data job failed, and has said why.
          TfgrecError: the configuration or the data can't be used.
        """
        data = self._data_stages(self._config, RunDirectory.at(self._root), self._announce)
        data.check()
        with claimed(self._root, "run"):
            data.run()
            return self._compare(baseline)

    def _compare(self, baseline: str) -> "ArmComparison":
        records = {_data_key(self._config): self._root}
        for contender in self._contenders:
            key = _data_key(contender.config)
            if key not in records:
                records[key] = self._sample(contender, key)
            # Before any of them is trained.
            run = RunDirectory.at(self._root / contender.folder, data_root=records[key])
            ModelStages(contender.config, run, announce=self._announcing(contender.name)).check_labels()
        runs = {
            contender.name: [self._train(contender, seed, records[_data_key(contender.config)]) for seed in self._seeds]
            for contender in self._contenders
        }

        from tfgrec.report import compare_arms

        changes = {one.name: one.changes for one in self._contenders if one.changes is not None}
        comparison = compare_arms(runs, baseline=baseline, changes=changes)
        write_comparison(comparison, self._root)
        return comparison

    def _sample(self, contender: Contender, key: str) -> Path:
        """Brings the records of a configuration up to date that is not the comparison's own; returns their folder."""
        folder = self._root / "records" / key
        run = RunDirectory.at(folder)
        with claimed(folder, "run"):
            run.link_graph(self._root)
            self._announce(f"{contender.name}: samples otherwise, its records are {run.examples}")
            self._data_stages(contender.config, run, self._announcing(f"records of {contender.name}")).sample()
        return folder

    def _data_stages(self, config: RunConfig, run: RunDirectory, announce: Callable[[str], None]) -> DataStages:
        return DataStages(config, run, self._data, announce=announce, verify=self._verify)

    def _train(self, contender: Contender, seed: int, data_root: Path) -> Path:
        training = contender.config.training.model_copy(update={"seed": seed})
        config = contender.config.model_copy(update={"training": training})
        run = RunDirectory.at(self._root / contender.folder / f"seed-{seed}", data_root=data_root)
        with claimed(run.root, "run"):
            ModelStages(config, run, announce=self._announcing(f"{contender.name}, seed {seed}")).run()
        return run.root

    def _announcing(self, who: str) -> Callable[[str], None]:
        return lambda line: self._announce(f"{who}: {line}")


def _data_key(config: RunConfig) -> str:
    """Equal for configurations that make the same records of one graph."""
    values = {name: getattr(config, name).model_dump(mode="json") for name in ("split", "sampling")}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
