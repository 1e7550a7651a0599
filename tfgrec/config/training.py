"""How a model is trained and evaluated."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfgrec.config.base import FrozenConfig

MixedPrecision = Literal["none", "bfloat16", "float16"]


class OptimizerConfig(FrozenConfig):
    """Adam with decoupled weight decay.

    Attributes:
      learning_rate: of all but embedding tables.
      final_learning_rate_share: what is left of the rates at the end.
      weight_decay: of kernels, each step, times the rate.
      clip_norm: the largest norm of a step's gradient.
      embedding_learning_rate: of embedding tables.
      embedding_epochs: how many epochs of a phase embedding tables learn for: tables of ids over-fit after about one.
        null: for one epoch, and with early stopping for as long as all else, since the cut shows when that is too long.
    """

    learning_rate: float = Field(default=1e-3, gt=0)
    final_learning_rate_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    weight_decay: float = Field(default=1e-5, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    embedding_learning_rate: float = Field(default=1e-3, ge=0)
    embedding_epochs: float | None = Field(default=None, ge=0)


class EarlyStoppingConfig(FrozenConfig):
    """Chooses how long to train on the newest of the training requests, the cut: never on validation days.

    The best checkpoint is kept.

    Attributes:
      share: of the training requests that the cut has at least; requests of one time stay together.
      metric: what counts: its mean over binary tasks, `log_loss` or `auc`. Without a binary task: mean absolute
        error in units of `scale`, or concordance.
      evaluations_per_epoch: measurements on the cut, without dropout and masks.
      patience: ends after so many without a better one.
      refit: train a fresh model on all requests, for as many steps as were best, in proportion; rates fall over
        that length.
    """

    share: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    metric: Literal["log_loss", "auc"] = "log_loss"
    evaluations_per_epoch: int = Field(default=2, ge=1)
    patience: int = Field(default=2, ge=1)
    refit: bool = True


class TrainingConfig(FrozenConfig):
    """Batches are counted in requests, epochs in passes over the training records.

    Attributes:
      epochs: of ranking; with early stopping, the most.
      pretraining_epochs: of what comes before ranking in `two_stage` and `frozen_encoder`.
      batch_size: of all replicas together.
      evaluation_batch_size: where nothing is trained.
      shuffle_buffer: records within which the order is drawn.
      checkpoint_every_steps: how much a killed training may lose.
      log_every_steps: steps that a logged loss is the mean of.
      diagnostics_every_steps: steps between looks at the gradients' coupling.
      seed: of initial weights, order, dropout and masks.
      hidden_ids: the share of the requests' users and of the candidates' items whose ids are hidden from a training
        step. Above 0, the model has learned states for unknown ids, and reads them too for whom the records show no
        event.
      warm_start_from: the folder of a finished run, relative to where the command is started: its variables are where
        this training starts, see `tfgrec.training.warm_start`.
      distribution: on one device (`none`), on devices of one machine (`mirrored`), or on those of all machines named in
        TF_CONFIG (`multi_worker`).
      replicas: how many devices `mirrored` takes; null: all GPUs, or the CPU. Without a GPU, the CPU is cut into that
        many logical devices: slower, for trials.
      mixed_precision: the layers' type of computation; variables, losses and logits stay float32.
      jit_compile: whether batches are padded to a few sizes, and XLA compiles the message passing and the heads for
        each of them.
      early_stopping: chooses how long to train on a cut of the training requests; null: `epochs` are trained.
      optimizer: rates and what bounds them.
    """

    epochs: int = Field(default=3, ge=1)
    pretraining_epochs: int = Field(default=2, ge=1)
    batch_size: int = Field(default=256, ge=1)
    evaluation_batch_size: int = Field(default=512, ge=1)
    shuffle_buffer: int = Field(default=20_000, ge=1)
    checkpoint_every_steps: int = Field(default=200, ge=1)
    log_every_steps: int = Field(default=20, ge=1)
    diagnostics_every_steps: int = Field(default=200, ge=1)
    seed: int = 17
    hidden_ids: Annotated[float, Field(ge=0, lt=1)] = 0.0
    warm_start_from: str | None = None
    distribution: Literal["none", "mirrored", "multi_worker"] = "none"
    replicas: int | None = Field(default=None, ge=1)
    mixed_precision: MixedPrecision = "none"
    jit_compile: bool = False
    early_stopping: EarlyStoppingConfig | None = None
    optimizer: OptimizerConfig = OptimizerConfig()

    @model_validator(mode="after")
    def _check_replicas(self) -> "TrainingConfig":
        if self.replicas is not None and self.distribution != "mirrored":
            raise ValueError(f"replicas is for distribution: mirrored, this is {self.distribution}")
        return self


class PopularityConfig(FrozenConfig):
    """A baseline of retrieval: ranks items by how many edges lead to them.

    Attributes:
      edge_set: from users to items.
      window_hours: counts only edges that young; null: all.
    """

    edge_set: str
    window_hours: float | None = Field(default=None, gt=0)


class RetrievalEvaluationConfig(FrozenConfig):
    """How `model.retrieval` is measured: recall and NDCG over all items that the user has not seen.

    Attributes:
      seen: edge sets from users to what they have seen; without any, nothing is left out.
      popularity: baselines, by a name of one's own.
      cutoffs: how many items count as found.
      refresh_hours: item vectors and baselines are as of the newest of times so far apart, the first being the oldest
        request's.
    """

    seen: list[str] = []
    popularity: dict[str, PopularityConfig] = {}
    cutoffs: list[Annotated[int, Field(ge=1)]] = Field(default=[10, 100], min_length=1)
    refresh_hours: float = Field(default=24.0, gt=0)


class EvaluationConfig(FrozenConfig):
    """What is measured besides the tasks' metrics.

    Attributes:
      scenario: the `_readout` feature by which metrics are also reported.
      min_scenario_rows: what a slice needs to be reported.
      retrieval: how `model.retrieval` is measured.
    """

    scenario: str | None = None
    min_scenario_rows: int = Field(default=500, ge=1)
    retrieval: RetrievalEvaluationConfig = RetrievalEvaluationConfig()
