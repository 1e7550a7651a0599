"""The component GraphBuilder."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec

from tfx_pipeline.artifacts import GraphStore
from tfx_pipeline.graph_builder.executor import Executor
from tfx_pipeline.inputs.source_parameters import source_parameters


class GraphBuilderSpec(ComponentSpec):
    """What GraphBuilder is told and gives."""

    PARAMETERS = source_parameters()
    INPUTS = {}
    OUTPUTS = {"graph": ChannelParameter(type=GraphStore)}


class GraphBuilder(BaseBeamComponent):
    """Builds the graph store of a data set by `beam_jobs.build_graph`; output: `graph`.

    Args:
      sources: see `source_parameters`; `spec` has the section `build`.
    """

    SPEC_CLASS = GraphBuilderSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(self, **sources: str | int) -> None:
        super().__init__(spec=GraphBuilderSpec(**{"shared_dir": "", **sources}, graph=Channel(type=GraphStore)))
