"""The component LeakageAudit."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples

from tfx_pipeline.artifacts import GraphStore, LeakageReport
from tfx_pipeline.leakage_audit.executor import Executor


class LeakageAuditSpec(ComponentSpec):
    """What LeakageAudit is told and gives."""

    PARAMETERS = {"spec": ExecutionParameter(type=str), "shared_dir": ExecutionParameter(type=str)}
    INPUTS = {"examples": ChannelParameter(type=Examples), "graph": ChannelParameter(type=GraphStore, optional=True)}
    OUTPUTS = {"report": ChannelParameter(type=LeakageReport)}


class LeakageAudit(BaseBeamComponent):
    """Fails if a record carries what its request could not have seen, or a temporal degree that the graph does not
    give (`beam_jobs.audit`); output: `report`.

    Args:
      examples: what SubgraphExampleGen gave.
      graph: what these were sampled from; of `beam_jobs.audit.RECOUNTED` records the temporal degrees are counted
        again. None: of none.
      spec: `RunSpec`, of which the schema's files count, as JSON.
      shared_dir: see `source_parameters`.
    """

    SPEC_CLASS = LeakageAuditSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(
        self, *, examples: BaseChannel, spec: str, graph: BaseChannel | None = None, shared_dir: str = ""
    ) -> None:
        inputs = {"examples": examples, **({} if graph is None else {"graph": graph})}
        report = Channel(type=LeakageReport)
        super().__init__(spec=LeakageAuditSpec(**inputs, spec=spec, shared_dir=shared_dir, report=report))
