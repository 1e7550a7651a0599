"""The parts of the model, each behind a switch."""

from typing import Annotated, Literal

from pydantic import Field

from tfgrec.config.base import FrozenConfig

Rate = Annotated[float, Field(ge=0, lt=1)]


class CategoricalEncoding(FrozenConfig):
    """Embedding of a value looked up among the `max_vocabulary` most frequent ones; the others share one row."""

    kind: Literal["categorical"] = "categorical"
    dimension: int = Field(default=8, ge=1)
    max_vocabulary: int = Field(default=10_000, ge=1)


class HashedEncoding(FrozenConfig):
    """Embedding of a value hashed into `buckets` rows: for ids. `dropout` hides the id of that share of nodes."""

    kind: Literal["hashed"] = "hashed"
    dimension: int = Field(default=16, ge=1)
    buckets: int = Field(default=50_000, ge=2)
    dropout: Rate = 0.0


class NumericEncoding(FrozenConfig):
    """A number, transformed and normalised with the constants of the graph store (or of the training records)."""

    kind: Literal["numeric"] = "numeric"
    transform: Literal["standard", "log", "quantile"] = "log"


class IgnoredEncoding(FrozenConfig):
    """The feature is in the records and not in the model."""

    kind: Literal["ignored"] = "ignored"


Encoding = Annotated[
    CategoricalEncoding | HashedEncoding | NumericEncoding | IgnoredEncoding, Field(discriminator="kind")
]


class SmoothedRate(FrozenConfig):
    """A request feature computed in the model: logit of (of + smoothing * p) / (sum(over) + smoothing), less logit p.

    p is the ratio of the training records' means.
    """

    of: str
    over: list[str] = Field(min_length=1)
    smoothing: float = Field(default=10.0, gt=0)


class EncoderConfig(FrozenConfig):
    """`rounds` TF-GNN GraphUpdates, by name of the model template in `tensorflow_gnn.models`."""

    update: Literal["mt_albis", "graph_sage", "gat_v2", "hgt", "mpnn"] = "mt_albis"
    rounds: int = Field(default=2, ge=1)
    units: int = Field(default=64, ge=1)
    message_units: int = Field(default=64, ge=1)
    attention_heads: int = Field(default=4, ge=1)
    dropout: Rate = 0.1
    edge_dropout: Rate = 0.0


class AutoEncoderConfig(FrozenConfig):
    """The graph feature auto-encoder (GFAE): rebuilds raw features of masked nodes from their encoded states."""

    enabled: bool = True
    mask_rate: Annotated[float, Field(gt=0, lt=1)] = 0.3
    numeric_loss: Literal["squared_error", "scaled_cosine"] = "squared_error"
    cosine_power: float = Field(default=2.0, ge=1)


class FusionConfig(FrozenConfig):
    """Level 1 adds graph states to the ranker's feature fields; level 2 to each task's hidden vector."""

    feature_level: Literal["gate", "concat", "none"] = "gate"
    representation_level: Literal["gate", "none"] = "gate"


class TowersConfig(FrozenConfig):
    """TFRS cross layers and a shared bottom (or experts), then one small tower a task."""

    bottom: Literal["shared", "mmoe"] = "shared"
    experts: int = Field(default=4, ge=1)
    cross_layers: int = Field(default=2, ge=0)
    cross_projection: int | None = Field(default=None, ge=1)
    bottom_units: list[int] = Field(default=[256, 128], min_length=1)
    task_units: list[int] = Field(default=[64], min_length=1)
    dropout: Rate = 0.1


class TaskConfig(FrozenConfig):
    """One label with its loss. Regression learns log(1 + label / scale) with a Huber loss; its metrics are in the
    label's units."""

    label: str
    kind: Literal["binary", "regression"] = "binary"
    scale: float = Field(default=1.0, gt=0)
    huber_delta: float = Field(default=1.0, gt=0)
    weight: float = Field(default=1.0, gt=0)


class BalancingConfig(FrozenConfig):
    """How the losses are weighted: `gradnorm` (arXiv 1711.02257), or `fixed` at the tasks' own weights.

    `auto_encoder_cap` bounds GFAE's share of the sum of weights; `initial_loss_steps` is how many steps the
    running mean L(0) takes.
    """

    method: Literal["gradnorm", "fixed"] = "gradnorm"
    alpha: float = Field(default=1.0, ge=0)
    learning_rate: float = Field(default=0.01, gt=0)
    initial_loss_steps: int = Field(default=50, ge=1)
    auto_encoder_weight: float = Field(default=0.3, gt=0)
    auto_encoder_cap: Annotated[float, Field(gt=0, lt=1)] = 0.2


class ModelConfig(FrozenConfig):
    """The whole model. `features` says how a node set's features are encoded; without an entry, strings and integers
    are categorical, floats numeric, and ids ignored."""

    features: dict[str, dict[str, Encoding]] = {}
    rates: dict[str, SmoothedRate] = {}
    encoder: EncoderConfig = EncoderConfig()
    auto_encoder: AutoEncoderConfig = AutoEncoderConfig()
    fusion: FusionConfig = FusionConfig()
    towers: TowersConfig = TowersConfig()
    tasks: dict[str, TaskConfig] = Field(min_length=1)
    balancing: BalancingConfig = BalancingConfig()
