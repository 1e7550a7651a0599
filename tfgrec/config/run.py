"""The configuration of one run."""

from typing import Literal

from pydantic import Field

from tfgrec.config.base import FrozenConfig
from tfgrec.config.encodings import Encoding
from tfgrec.config.export import ExportConfig
from tfgrec.config.match import FactorsConfig
from tfgrec.config.model import ModelConfig
from tfgrec.config.pipeline import PipelineConfig
from tfgrec.config.sampling import BuildConfig, SamplingConfig, SplitConfig
from tfgrec.config.training import EvaluationConfig, TrainingConfig

Arm = Literal["joint", "two_stage", "frozen_encoder", "no_graph"]


class PretrainingConfig(FrozenConfig):
    """What the arms that pre-train an encoder do before ranking: `two_stage` and `frozen_encoder`.

    Then, in `two_stage`, nodes are embedded from the graph as of the newest refresh time, and ranking looks these
    vectors up as static features. `frozen_encoder` runs the frozen encoder on each request's own fresh subgraph.

    Attributes:
      objective: GFAE alone; `link_prediction`: finding a user's held-out item, below.
      refresh_hours: `two_stage`: nodes are embedded at multiples of this since 1970.
      vectors: `two_stage`: `fine_tuned` adds a vector to each node's, which starts at zero and learns with
        `training.optimizer.embedding_*`.
      features: encodings, as in `model.features`, that the encoder of these arms has besides; the ranker has not.
      temperature: `link_prediction`: what cosines are divided by.
    """

    objective: Literal["auto_encoder", "link_prediction"] = "auto_encoder"
    refresh_hours: float = Field(default=24.0, gt=0)
    vectors: Literal["frozen", "fine_tuned"] = "frozen"
    features: dict[str, dict[str, Encoding]] = {}
    temperature: float = Field(default=0.2, gt=0)


class RunConfig(FrozenConfig):
    """One YAML in configs/: everything that a run depends on besides the data.

    Attributes:
      name: becomes the name of folders.
      schema_dir: the folder with graph.pbtxt and tables.yaml; in a file, relative to that file's own folder.
      arm: how graph and ranking are trained.
      split: which rows train, validate and test.
      build: how the graph store is built.
      sampling: what is sampled for a request.
      model: the parts of the model.
      pretraining: what `two_stage` and `frozen_encoder` do before ranking.
      training: how long and where is trained.
      evaluation: what is measured besides the tasks' metrics.
      pipeline: what the TFX pipeline needs besides.
      export: what an exported model answers besides.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    schema_dir: str
    arm: Arm = "joint"
    split: SplitConfig
    build: BuildConfig = BuildConfig()
    sampling: SamplingConfig
    model: ModelConfig
    pretraining: PretrainingConfig = PretrainingConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    pipeline: PipelineConfig = PipelineConfig()
    export: ExportConfig = ExportConfig()

    @property
    def factors(self) -> FactorsConfig | None:
        """The item factors that the arm's model reads, which are fitted to the graph; None for none."""
        matches = self.arm != "no_graph" and self.model.fusion.match != "none"
        return self.model.match.factors if matches else None
