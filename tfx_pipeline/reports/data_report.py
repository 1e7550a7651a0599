"""The component DataReport: pages for people on what the examples hold, and on what is wrong with them."""

from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.io import fileio
from tfx.types import BaseChannel, Channel
from tfx.types.artifact_utils import get_single_instance
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import ExampleAnomalies, Examples, ExampleStatistics, Schema

from tfgrec.data.examples_directory import MANIFEST, parse_manifest
from tfx_pipeline.artifacts import ANOMALIES_PAGE, Artifacts, HtmlPages
from tfx_pipeline.data_validation.examples_schema_file import read_examples_schema
from tfx_pipeline.data_validation.measured_distances import measured_distances
from tfx_pipeline.data_validation.serving_validator import not_served
from tfx_pipeline.data_validation.statistics import read_statistics
from tfx_pipeline.data_validation.validation import read_validations
from tfx_pipeline.reports.anomalies_page import anomalies_page
from tfx_pipeline.reports.split_statistics import SplitStatistics
from tfx_pipeline.reports.statistics_page import STATISTICS_PAGE, statistics_page

_BASELINE = "train"


class Executor(BaseExecutor):
    """Draws the pages; anomalies don't make it fail."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes statistics.html and anomalies.html."""
        self._log_startup(input_dict, output_dict, exec_properties)
        pages = get_single_instance(output_dict["pages"])
        splits = _read_splits(input_dict)
        baseline = splits[_BASELINE]
        distances = {
            name: measured_distances(of_split, baseline) for name, of_split in splits.items() if name != _BASELINE
        }
        title = exec_properties["days"]
        statistics = statistics_page(
            title=title,
            splits=[SplitStatistics.of(name, of_split) for name, of_split in splits.items()],
            labels=not_served(read_examples_schema(get_single_instance(input_dict["schema"]))),
            distances=distances,
            expansions=_expansions(input_dict),
        )
        anomalies = anomalies_page(
            title=title, validations=read_validations(input_dict), distances=distances, baseline=_BASELINE
        )
        fileio.makedirs(pages.uri)
        for name, html in {STATISTICS_PAGE: statistics, ANOMALIES_PAGE: anomalies}.items():
            with fileio.open(f"{pages.uri}/{name}", "wb") as file:
                file.write(html.encode("utf-8"))


class DataReportSpec(ComponentSpec):
    """What DataReport is given and gives."""

    PARAMETERS = {"days": ExecutionParameter(type=str)}
    INPUTS = {
        "statistics": ChannelParameter(type=ExampleStatistics),
        "schema": ChannelParameter(type=Schema),
        "anomalies": ChannelParameter(type=ExampleAnomalies),
        "drift": ChannelParameter(type=ExampleAnomalies),
        "examples": ChannelParameter(type=Examples, optional=True),
        "serving_statistics": ChannelParameter(type=ExampleStatistics, optional=True),
        "serving_anomalies": ChannelParameter(type=ExampleAnomalies, optional=True),
        "skew": ChannelParameter(type=ExampleAnomalies, optional=True),
    }
    OUTPUTS = {"pages": ChannelParameter(type=HtmlPages)}


class DataReport(BaseComponent):
    """Draws statistics.html and anomalies.html; output: `pages`.

    Args:
      days: of the run, in words: the title of its pages.
      statistics: of the splits `train` and `eval`.
      schema: of the examples.
      anomalies: what ExampleValidator found.
      drift: what DistributionValidator found between the days of evaluation and those of training.
      examples: what SubgraphExampleGen gave, to show how much the fan-outs cut.
      serving_statistics: of the split `serving`, if there are serving examples.
      serving_anomalies: what ServingValidator found.
      skew: what DistributionValidator found between serving and training examples.
    """

    SPEC_CLASS = DataReportSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        days: str,
        statistics: BaseChannel,
        schema: BaseChannel,
        anomalies: BaseChannel,
        drift: BaseChannel,
        examples: BaseChannel | None = None,
        serving_statistics: BaseChannel | None = None,
        serving_anomalies: BaseChannel | None = None,
        skew: BaseChannel | None = None,
    ) -> None:
        optional = {
            "examples": examples,
            "serving_statistics": serving_statistics,
            "serving_anomalies": serving_anomalies,
            "skew": skew,
        }
        super().__init__(
            spec=DataReportSpec(
                days=days,
                statistics=statistics,
                schema=schema,
                anomalies=anomalies,
                drift=drift,
                pages=Channel(type=HtmlPages),
                **{key: channel for key, channel in optional.items() if channel},
            )
        )


def _read_splits(input_dict: Artifacts) -> dict[str, Any]:
    """Statistics by split, those of training first."""
    artifacts = [get_single_instance(input_dict["statistics"]), *input_dict.get("serving_statistics", [])]
    splits = {name: of_split for artifact in artifacts for name, of_split in read_statistics(artifact).items()}
    return {_BASELINE: splits.pop(_BASELINE), **splits}


def _expansions(input_dict: Artifacts) -> list[dict[str, Any]]:
    for examples in input_dict.get("examples", []):
        path = f"{examples.uri}/{MANIFEST}"
        with fileio.open(path, "rb") as file:
            return parse_manifest(file.read(), path)["expansions"]
    return []
