"""The component GraphBuilder."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from tfx_pipeline.artifacts import GraphStore
from tfx_pipeline.graph_builder.executor import Executor


class GraphBuilderSpec(ComponentSpec):
    """What GraphBuilder is told and gives."""

    PARAMETERS = {
        "spec": ExecutionParameter(type=str),
        "data": ExecutionParameter(type=str),
        "tables_fingerprint": ExecutionParameter(type=str),
        "span": ExecutionParameter(type=int),
        "shared_dir": ExecutionParameter(type=str),
    }
    INPUTS = {}
    OUTPUTS = {"graph": ChannelParameter(type=GraphStore)}


class GraphBuilder(BaseBeamComponent):
    """Builds the graph store of a data set by `beam_jobs.build_graph`; output: `graph`.

    Args:
      spec: `RunSpec` with the section `build`, as JSON.
      data: the folder of the tables, on any file system that Beam knows.
      tables_fingerprint: changes when the tables do.
      span: the newest day.
      shared_dir: a local folder that all workers of a Beam runner elsewhere see; "": none is needed.
    """

    SPEC_CLASS = GraphBuilderSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(self, *, spec: str, data: str, tables_fingerprint: str, span: int, shared_dir: str = "") -> None:
        super().__init__(
            spec=GraphBuilderSpec(
                spec=spec,
                data=data,
                tables_fingerprint=tables_fingerprint,
                span=span,
                shared_dir=shared_dir,
                graph=Channel(type=GraphStore),
            )
        )
