"""The component DataGate: nothing is trained on examples in which a validator found an anomaly."""

from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import BaseChannel
from tfx.types.component_spec import ChannelParameter, ComponentSpec
from tfx.types.standard_artifacts import ExampleAnomalies

from tfgrec.errors import TfgrecError
from tfx_pipeline.artifacts import ANOMALIES_PAGE, Artifacts, HtmlPages
from tfx_pipeline.data_validation.validation import read_validations


class AnomalyError(TfgrecError):
    """Examples break their schema, or lie too far from those that they are compared with."""


class Executor(BaseExecutor):
    """Reads what the validators found."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Passes if there is no anomaly.

        Raises:
          AnomalyError: one line an anomaly, with split, feature and reason; and where to look at them.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        lines = [str(anomaly) for found in read_validations(input_dict) for anomaly in found.anomalies]
        if lines:
            pages = [f"look at {artifact.uri}/{ANOMALIES_PAGE}" for artifact in input_dict.get("pages", [])]
            raise AnomalyError("\n".join([f"the examples have anomalies ({len(lines)}):", *lines, *pages]))


class DataGateSpec(ComponentSpec):
    """What DataGate is given."""

    PARAMETERS = {}
    INPUTS = {
        "anomalies": ChannelParameter(type=ExampleAnomalies),
        "drift": ChannelParameter(type=ExampleAnomalies),
        "skew": ChannelParameter(type=ExampleAnomalies, optional=True),
        "serving_anomalies": ChannelParameter(type=ExampleAnomalies, optional=True),
        "pages": ChannelParameter(type=HtmlPages, optional=True),
    }
    OUTPUTS = {}


class DataGate(BaseComponent):
    """Fails if a validator found an anomaly; has no output: what must not run then is put downstream of it.

    Args:
      anomalies: what ExampleValidator found.
      drift: what DistributionValidator found between the days of evaluation and those of training.
      skew: what it found between serving and training examples, if there are any.
      serving_anomalies: what ServingValidator found.
      pages: what DataReport gave, to be pointed to.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        anomalies: BaseChannel,
        drift: BaseChannel,
        skew: BaseChannel | None = None,
        serving_anomalies: BaseChannel | None = None,
        pages: BaseChannel | None = None,
    ) -> None:
        given = {"skew": skew, "serving_anomalies": serving_anomalies, "pages": pages}
        super().__init__(
            spec=DataGateSpec(
                anomalies=anomalies, drift=drift, **{key: channel for key, channel in given.items() if channel}
            )
        )
