"""The component LeakageAudit."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples

from tfx_pipeline.artifacts import LeakageReport
from tfx_pipeline.leakage_audit.executor import Executor


class LeakageAuditSpec(ComponentSpec):
    """What LeakageAudit is told and gives."""

    PARAMETERS = {"spec": ExecutionParameter(type=str)}
    INPUTS = {"examples": ChannelParameter(type=Examples)}
    OUTPUTS = {"report": ChannelParameter(type=LeakageReport)}


class LeakageAudit(BaseBeamComponent):
    """Fails if a record carries what its request could not have seen (`beam_jobs.audit`); output: `report`.

    Args:
      examples: what SubgraphExampleGen gave.
      spec: `RunSpec`, of which the schema's files count, as JSON.
    """

    SPEC_CLASS = LeakageAuditSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(self, *, examples: BaseChannel, spec: str) -> None:
        super().__init__(spec=LeakageAuditSpec(examples=examples, spec=spec, report=Channel(type=LeakageReport)))
