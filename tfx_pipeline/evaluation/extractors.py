"""The way from records to what TFMA counts: every model scores a batch, and its candidates are cut into slices.

TFMA means an extract to be one example. Here it is all candidates of a batch that are in one slice, as columns of
equal length: Beam's costs are then those of batches, not of candidates times slices.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma

from tfgrec.errors import InputDataError
from tfx_pipeline.evaluation.candidate_rows import CandidateRows
from tfx_pipeline.evaluation.row_layout import RowLayout

USER, REQUEST = "user", "request"
_SLICES = "slices"


def candidate_extractors(
    layout: RowLayout, *, models: Sequence[tfma.EvalSharedModel], tasks: Mapping[str, Sequence[str]]
) -> list[tfma.extractors.Extractor]:
    """Extractors for `tfma.ExtractEvaluateAndWriteResults` on batches of serialized requests.

    What they give: `labels` by task, `predictions` by model and task, and the features `user` and `request`, each
    `[num_rows]`.

    Args:
      layout: how records become rows.
      models: loaded once a worker.
      tasks: model's name -> the tasks that it is asked for; none: it is not run.
    """
    scored = {model.model_name: model.model_loader for model in models if tasks[model.model_name]}
    return [
        tfma.extractors.Extractor("ScoreCandidates", beam.ParDo(_ScoreCandidates(layout, scored, tasks))),
        tfma.extractors.Extractor(tfma.extractors.SLICE_KEY_EXTRACTOR_STAGE_NAME, beam.ParDo(_CutIntoSlices())),
    ]


class _ScoreCandidates(beam.DoFn):
    """A batch of records -> one extract with all candidates."""

    def __init__(
        self, layout: RowLayout, loaders: Mapping[str, tfma.ModelLoader], tasks: Mapping[str, Sequence[str]]
    ) -> None:
        self._layout = layout
        self._loaders = dict(loaders)
        self._tasks = dict(tasks)

    def setup(self) -> None:
        self._models = {name: loader.load() for name, loader in self._loaders.items()}

    def process(self, extracts: tfma.Extracts) -> Iterator[tfma.Extracts]:
        batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
        rows = CandidateRows.read(batch, self._layout)
        records = batch.column(batch.schema.get_field_index(tfma.ARROW_INPUT_COLUMN)).flatten()
        serialized = tf.constant(records.to_numpy(zero_copy_only=False))
        yield {
            tfma.LABELS_KEY: rows.labels,
            tfma.PREDICTIONS_KEY: {name: self._scores(name, serialized, len(rows.users)) for name in self._models},
            tfma.FEATURES_KEY: {USER: rows.users, REQUEST: rows.requests, _SLICES: rows.slices},
        }

    def _scores(self, model: str, serialized: tf.Tensor, num_rows: int) -> dict[str, np.ndarray]:
        """Predictions `[num_rows]` by task."""
        scores = self._models[model](serialized)
        predictions = {task: scores[task].numpy() for task in self._tasks[model]}
        for task, values in predictions.items():
            if len(values) != num_rows:
                raise InputDataError(f"model {model}: {len(values)} predictions of {task} for {num_rows} candidates")
            if not np.isfinite(values).all():
                bad = int((~np.isfinite(values)).sum())
                raise InputDataError(f"model {model}: {bad} of {num_rows} predictions of {task} are not finite")
        return predictions


class _CutIntoSlices(beam.DoFn):
    """An extract -> one for all its rows, and one for each slice that some of them are in."""

    def process(self, extracts: tfma.Extracts) -> Iterator[tfma.Extracts]:
        features = extracts[tfma.FEATURES_KEY]
        everything = {**extracts, tfma.FEATURES_KEY: {name: features[name] for name in (USER, REQUEST)}}
        yield {**everything, tfma.SLICE_KEY_TYPES_KEY: [()]}
        for name, texts in features[_SLICES].items():
            for text in np.unique(texts):
                part = _taken(everything, np.flatnonzero(texts == text))
                yield {**part, tfma.SLICE_KEY_TYPES_KEY: [((name, str(text)),)]}


def _taken(columns: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any]:
    """Some rows of all columns of a nested dictionary."""
    return {key: _taken(value, rows) if isinstance(value, Mapping) else value[rows] for key, value in columns.items()}
