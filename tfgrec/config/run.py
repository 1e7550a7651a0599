"""The configuration of one run."""

from typing import Literal

from pydantic import Field

from tfgrec.config.base import FrozenConfig
from tfgrec.config.model import ModelConfig
from tfgrec.config.pipeline import PipelineConfig
from tfgrec.config.sampling import BuildConfig, SamplingConfig, SplitConfig
from tfgrec.config.training import EvaluationConfig, TrainingConfig

Arm = Literal["joint", "two_stage", "no_graph"]


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
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    pipeline: PipelineConfig = PipelineConfig()
