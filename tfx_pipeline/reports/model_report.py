"""The component ModelReport."""

import shutil
from typing import Any

from tfx.components.evaluator import constants
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel, Channel
from tfx.types.artifact_utils import get_single_instance
from tfx.types.component_spec import ChannelParameter, ComponentSpec
from tfx.types.standard_artifacts import ModelBlessing, ModelEvaluation, ModelRun

from tfgrec.files import write_atomically
from tfx_pipeline.artifacts import Artifacts, HtmlPages
from tfx_pipeline.evaluation.results import EvaluationResult
from tfx_pipeline.local_copies import local_input, local_output
from tfx_pipeline.reports.evaluation_page import evaluation_page

_TRAINING_REPORT = "report.html"


class ModelReportSpec(ComponentSpec):
    """What ModelReport is told and gives."""

    PARAMETERS = {}
    INPUTS = {
        "model_run": ChannelParameter(type=ModelRun),
        "evaluation": ChannelParameter(type=ModelEvaluation),
        "blessing": ChannelParameter(type=ModelBlessing),
    }
    OUTPUTS = {"pages": ChannelParameter(type=HtmlPages)}


class Executor(BaseExecutor):
    """Writes evaluation.html, and puts the training's report.html beside it."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Called by TFX."""
        run, evaluation, blessing = (get_single_instance(input_dict[key]) for key in ModelReportSpec.INPUTS)
        page = evaluation_page(
            EvaluationResult.read(evaluation.uri),
            model=blessing.get_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY),
            blessed_model=blessing.get_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY),
        )
        with local_output(get_single_instance(output_dict["pages"]).uri) as pages:
            pages.mkdir(parents=True, exist_ok=True)
            write_atomically(pages / "evaluation.html", lambda file: file.write(page.encode("utf-8")))
            with local_input(run.uri) as trained:
                if (trained / _TRAINING_REPORT).exists():
                    shutil.copyfile(trained / _TRAINING_REPORT, pages / _TRAINING_REPORT)


class ModelReport(BaseComponent):
    """Pages for people: the evaluation by task and slice beside the blessed model, and the training's report.

    Args:
      model_run: what Trainer gave, with report.html.
      evaluation: what Evaluator gave.
      blessing: what Evaluator gave; names the models.
    """

    SPEC_CLASS = ModelReportSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, *, model_run: BaseChannel, evaluation: BaseChannel, blessing: BaseChannel) -> None:
        inputs = {"model_run": model_run, "evaluation": evaluation, "blessing": blessing}
        super().__init__(spec=ModelReportSpec(**inputs, pages=Channel(type=HtmlPages)))
