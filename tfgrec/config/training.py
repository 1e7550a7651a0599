"""How a model is trained and evaluated."""

from typing import Annotated

from pydantic import Field

from tfgrec.config.base import FrozenConfig


class OptimizerConfig(FrozenConfig):
    """Adam with decoupled weight decay. Embedding tables have their own rate, and learn for `embedding_epochs` only:
    tables of ids over-fit after about one epoch."""

    learning_rate: float = Field(default=1e-3, gt=0)
    final_learning_rate_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    weight_decay: float = Field(default=1e-5, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    embedding_learning_rate: float = Field(default=1e-3, ge=0)
    embedding_epochs: float = Field(default=1.0, ge=0)


class TrainingConfig(FrozenConfig):
    """Batches are counted in requests, epochs in passes over the training records."""

    epochs: int = Field(default=3, ge=1)
    pretraining_epochs: int = Field(default=2, ge=1)
    batch_size: int = Field(default=256, ge=1)
    evaluation_batch_size: int = Field(default=512, ge=1)
    shuffle_buffer: int = Field(default=20_000, ge=1)
    checkpoint_every_steps: int = Field(default=200, ge=1)
    log_every_steps: int = Field(default=20, ge=1)
    diagnostics_every_steps: int = Field(default=200, ge=1)
    seed: int = 17
    optimizer: OptimizerConfig = OptimizerConfig()


class EvaluationConfig(FrozenConfig):
    """`scenario` is the `_readout` feature by which metrics are also reported; slices need `min_scenario_rows`."""

    scenario: str | None = None
    min_scenario_rows: int = Field(default=500, ge=1)
