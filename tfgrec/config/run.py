"""The configuration of one run."""

from typing import Literal

from pydantic import Field

from tfgrec.config.base import FrozenConfig
from tfgrec.config.encodings import Encoding
from tfgrec.config.export import ExportConfig
from tfgrec.config.model import FactorsConfig, ModelConfig
from tfgrec.config.pipeline import PipelineConfig
from tfgrec.config.sampling import BuildConfig, SamplingConfig, SplitConfig
from tfgrec.config.training import EvaluationConfig, TrainingConfig

Arm = Literal["joint", "two_stage", "frozen_encoder", "no_graph"]


class PretrainingConfig(FrozenConfig):
    """What the arms that pre-train an encoder do before ranking: `two_stage` and `frozen_encoder`.

    `objective`: the graph feature auto-encoder (`auto_encoder`), or telling a user's held-out neighbours from those of
    the batch's other users (`link_prediction`), on the training days. Then, in `two_stage`, nodes are embedded from the
    graph as of the newest of times `refresh_hours` apart, and ranking looks these vectors up as static features:
    `frozen`, or `fine_tuned` as tables of its own that start there. `frozen_encoder` runs the frozen encoder on each
    request's own fresh subgraph instead.

    `features` are encodings, as in `model.features`, that the encoder alone reads in these arms: without ids, link
    prediction can't tell items of like features apart. `temperature` divides its cosines.
    """

    objective: Literal["auto_encoder", "link_prediction"] = "auto_encoder"
    refresh_hours: float = Field(default=24.0, gt=0)
    vectors: Literal["frozen", "fine_tuned"] = "frozen"
    features: dict[str, dict[str, Encoding]] = {}
    temperature: float = Field(default=0.2, gt=0)


class RunConfig(FrozenConfig):
    """One YAML in configs/: everything that a run depends on besides the data.

    `name` becomes the name of folders. `schema_dir` is the folder with graph.pbtxt and tables.yaml; in a file, relative
    to that file's own folder.
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
