"""The component SubgraphExampleGen."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec
from tfx.types.standard_artifacts import Examples

from tfx_pipeline.artifacts import GraphStore
from tfx_pipeline.inputs.source_parameters import source_parameters
from tfx_pipeline.subgraph_example_gen.executor import Executor


class SubgraphExampleGenSpec(ComponentSpec):
    """What SubgraphExampleGen is told and gives."""

    PARAMETERS = source_parameters()
    INPUTS = {"graph": ChannelParameter(type=GraphStore)}
    OUTPUTS = {"examples": ChannelParameter(type=Examples)}


class SubgraphExampleGen(BaseBeamComponent):
    """Samples a subgraph for every request by `beam_jobs.sample_subgraphs`; output: `examples`, by time in the splits
    `train` and `eval`.

    Args:
      graph: what GraphBuilder gave.
      sources: see `source_parameters`; `spec` has the sections `split`, `sampling`, `build` and `training`.
    """

    SPEC_CLASS = SubgraphExampleGenSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(self, *, graph: BaseChannel, **sources: str | int) -> None:
        given = {"shared_dir": "", **sources}
        super().__init__(spec=SubgraphExampleGenSpec(graph=graph, **given, examples=Channel(type=Examples)))
