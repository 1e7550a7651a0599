"""The component SubgraphExampleGen."""

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.types.standard_artifacts import Examples

from tfx_pipeline.artifacts import GraphStore
from tfx_pipeline.subgraph_example_gen.executor import Executor


class SubgraphExampleGenSpec(ComponentSpec):
    """What SubgraphExampleGen is told and gives."""

    PARAMETERS = {
        "spec": ExecutionParameter(type=str),
        "data": ExecutionParameter(type=str),
        "tables_fingerprint": ExecutionParameter(type=str),
        "span": ExecutionParameter(type=int),
        "shared_dir": ExecutionParameter(type=str),
    }
    INPUTS = {"graph": ChannelParameter(type=GraphStore)}
    OUTPUTS = {"examples": ChannelParameter(type=Examples)}


class SubgraphExampleGen(BaseBeamComponent):
    """Samples a subgraph for every request by `beam_jobs.sample_subgraphs`; output: `examples`, by time in the splits
    `train` and `eval`.

    Args:
      graph: what GraphBuilder gave.
      spec: `RunSpec` with the sections `split`, `sampling`, `build` and `training`, as JSON.
      data: the folder of the tables, on any file system that Beam knows.
      tables_fingerprint: changes when the tables do.
      span: the newest day.
      shared_dir: a local folder that all workers of a Beam runner elsewhere see; "": none is needed.
    """

    SPEC_CLASS = SubgraphExampleGenSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(
        self,
        *,
        graph: BaseChannel,
        spec: str,
        data: str,
        tables_fingerprint: str,
        span: int,
        shared_dir: str = "",
    ) -> None:
        super().__init__(
            spec=SubgraphExampleGenSpec(
                graph=graph,
                spec=spec,
                data=data,
                tables_fingerprint=tables_fingerprint,
                span=span,
                shared_dir=shared_dir,
                examples=Channel(type=Examples),
            )
        )
