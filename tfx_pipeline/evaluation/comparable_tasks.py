"""Which tasks of a blessed model can be compared with a new model's: its configuration may be an older one."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from tensorflow_model_analysis.proto.config_pb2 import EvalConfig
from tfx.dsl.io import fileio

from tfgrec.errors import InputDataError
from tfgrec.graph.schema import Feature, GraphSchema
from tfgrec.serving.exported.saved_model import EXTRA_ASSETS


@dataclasses.dataclass(frozen=True)
class ExportedModel:
    """What an exported model says of itself.

    Attributes:
      tasks: name -> label and kind; the rest of a task's settings may be of an older version.
      schema: the part of a record that it reads.
    """

    tasks: dict[str, tuple[str, str]]
    schema: GraphSchema

    @classmethod
    def read(cls, uri: str) -> "ExportedModel":
        """Reads it off a SavedModel on any file system that TFX knows.

        Raises:
          InputDataError: the model is not one that tfgrec has exported.
        """
        path = os.path.join(uri, str(EXTRA_ASSETS))
        if not fileio.exists(path):
            raise InputDataError(f"{path}: is missing: the model was not exported by tfgrec")
        with fileio.open(path, "rb") as file:
            return cls.from_json(json.loads(file.read()))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "ExportedModel":
        """From the contents of assets.extra/tfgrec.json."""
        tasks = {name: (task["label"], task["kind"]) for name, task in values["tasks"].items()}
        return cls(tasks, GraphSchema.from_json(values["schema"]))


def comparable_tasks(candidate: ExportedModel, baseline: ExportedModel) -> list[str]:
    """The tasks that both models predict; none where the baseline reads what the candidate's records do not have."""
    if not _reads_no_more(baseline.schema, candidate.schema):
        return []
    return [name for name, task in candidate.tasks.items() if task == baseline.tasks.get(name)]


def leave_out(eval_config: EvalConfig, *, baseline: str, comparable: list[str]) -> None:
    """Takes the baseline out of the metrics of all tasks but the comparable ones, and their change thresholds.

    Edits `eval_config`: TFX's Evaluator goes on with the object that it gives to its user's module.
    """
    for spec in eval_config.metrics_specs:
        if baseline not in spec.model_names or set(spec.output_names) <= set(comparable):
            continue
        spec.model_names.remove(baseline)
        for metric in spec.metrics:
            for sliced in metric.per_slice_thresholds:
                sliced.threshold.ClearField("change_threshold")


def _reads_no_more(schema: GraphSchema, records: GraphSchema) -> bool:
    """Whether all that `schema` names is in `records`."""
    return (
        _within(schema.context, records.context)
        and all(
            name in records.node_sets and _within(nodes.features, records.node_sets[name].features)
            for name, nodes in schema.node_sets.items()
        )
        and all(
            name in records.edge_sets
            and (edges.source, edges.target) == (records.edge_sets[name].source, records.edge_sets[name].target)
            and _within(edges.features, records.edge_sets[name].features)
            for name, edges in schema.edge_sets.items()
        )
    )


def _within(features: Mapping[str, Feature], records: Mapping[str, Feature]) -> bool:
    return all(records.get(name) == feature for name, feature in features.items())
