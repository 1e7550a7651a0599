"""What TFX's Evaluator looks for in its user's module: `module_path="tfx_pipeline.evaluation.module"`."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto.config_pb2 import EvalConfig

from tfgrec.serving.exported.export import load_scoring_function
from tfx_pipeline.evaluation.comparable_tasks import ExportedModel, comparable_tasks, leave_out
from tfx_pipeline.evaluation.eval_config import layout_of
from tfx_pipeline.evaluation.extractors import candidate_extractors

_LOGGER = logging.getLogger(__name__)


def custom_eval_shared_model(
    eval_saved_model_path: str,
    model_name: str,
    eval_config: EvalConfig,
    add_metrics_callbacks: Sequence[Callable[..., Any]] | None = None,
) -> tfma.EvalSharedModel:
    """A model whose loader gives its scoring function, once a worker."""
    return tfma.default_eval_shared_model(
        eval_saved_model_path=eval_saved_model_path,
        model_name=model_name,
        eval_config=eval_config,
        add_metrics_callbacks=add_metrics_callbacks,
        custom_model_loader=tfma.ModelLoader(construct_fn=partial(load_scoring_function, eval_saved_model_path)),
    )


def custom_extractors(
    eval_shared_model: tfma.EvalSharedModel | list[tfma.EvalSharedModel],
    eval_config: EvalConfig,
    tensor_adapter_config: Any = None,
) -> list[tfma.extractors.Extractor]:
    """Extractors with one row a candidate; where the blessed model's tasks are others, they are not compared."""
    models = eval_shared_model if isinstance(eval_shared_model, list) else [eval_shared_model]
    layout = layout_of(eval_config)
    tasks = {model.model_name: list(layout.tasks) for model in models}
    for baseline in (model for model in models if model.is_baseline):
        candidate = next(model for model in models if not model.is_baseline)
        described = [ExportedModel.read(model.model_path) for model in (candidate, baseline)]
        comparable = comparable_tasks(*described)
        left = [task for task in layout.tasks if task not in comparable]
        if left:
            _LOGGER.warning("The blessed model %s can't be compared on: %s", baseline.model_path, ", ".join(left))
        tasks[baseline.model_name] = comparable
        leave_out(eval_config, baseline=baseline.model_name, comparable=comparable)
    return candidate_extractors(layout, models=models, tasks=tasks)
