"""The parts of the model, each behind a switch."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from tfgrec.config.base import FrozenConfig, Rate
from tfgrec.config.encodings import DEFAULT_BINS, Encoding, SmoothedRate, Transforms, shared_table_problems


class EncoderConfig(FrozenConfig):
    """`rounds` TF-GNN GraphUpdates, by name of the model template in `tensorflow_gnn.models`.

    `units` is the width of node states, `message_units` that of messages (as wide as states where left out). A new
    state passes `dropout`; with `residual` the old one is added; then comes `normalization`.

    `message_units` of `graph_sage` is the width of a hidden layer on each neighbour's state, none where left out;
    `hgt` has none. `attention_heads` (4) is for `gat_v2` and `hgt`, `edge_dropout` for `mt_albis` and `gat_v2`.
    """

    update: Literal["mt_albis", "graph_sage", "gat_v2", "hgt", "mpnn"] = "mt_albis"
    rounds: int = Field(default=2, ge=1)
    units: int = Field(default=64, ge=1)
    message_units: int | None = Field(default=None, ge=1)
    attention_heads: int | None = Field(default=None, ge=1)
    residual: bool = True
    normalization: Literal["none", "layer", "batch", "l2"] = "layer"
    dropout: Rate = 0.1
    edge_dropout: Rate = 0.0

    @property
    def message_width(self) -> int:
        """Width of messages."""
        return self.units if self.message_units is None else self.message_units

    @property
    def num_heads(self) -> int:
        """Number of attention heads."""
        return 4 if self.attention_heads is None else self.attention_heads

    @model_validator(mode="after")
    def _honoured(self) -> "EncoderConfig":
        update = self.update
        if update == "hgt" and self.message_units is not None:
            raise ValueError("message_units: messages of hgt are as wide as states, leave it out")
        if update == "hgt" and not self.residual:
            raise ValueError("residual: hgt always has its own residual link, with a learned weight")
        if update not in ("gat_v2", "hgt") and self.attention_heads is not None:
            raise ValueError(f"attention_heads: {update} has no attention, leave it out")
        if update not in ("mt_albis", "gat_v2") and self.edge_dropout:
            raise ValueError(f"edge_dropout: {update} drops no edges, received {self.edge_dropout}")
        if update in ("gat_v2", "hgt") and self.message_width % self.num_heads:
            key = "units" if self.message_units is None else "message_units"
            raise ValueError(
                f"{key}: {update} needs a multiple of attention_heads ({self.num_heads}), received {self.message_width}"
            )
        return self


class AutoEncoderConfig(FrozenConfig):
    """The graph feature auto-encoder (GFAE): rebuilds raw features of hidden nodes from their encoded states.

    `targets` chooses the features to rebuild, `{node_set: [features]}`; without it, all that can be. `forward_pass`
    says whether ranking reads the states of the pass in which nodes are hidden ("shared"), or of one of its own that
    hides nothing ("second"). `decoder` rebuilds from a hidden node's state alone ("linear"), or hides these states too
    and passes messages once more before ("graph_update"). Values beyond the `max_classes` - 1 most frequent ones of a
    categorical feature are rebuilt as one.
    """

    enabled: bool = True
    mask_rate: Annotated[float, Field(gt=0, lt=1)] = 0.3
    targets: dict[str, list[str]] | None = None
    forward_pass: Literal["shared", "second"] = "shared"
    decoder: Literal["linear", "graph_update"] = "linear"
    max_classes: int = Field(default=200, ge=2)
    numeric_loss: Literal["squared_error", "scaled_cosine"] = "squared_error"
    cosine_power: float = Field(default=2.0, ge=1)


class FactorsConfig(FrozenConfig):
    """Item factors (`model.match.factors`): a matrix factorisation of users' outcomes, refitted as time goes on.

    `outcomes` says which number of which edge set from users to items is factorised, `{edge set: number}`; each of
    these edge sets has a `sampling.history`. All of them have one factorisation of `dimension` numbers an item, by
    alternating least squares with the penalties `regularization` and `bias_regularization`, in units of the outcomes'
    deviation. It is fitted anew at `refits` times between which there are about equally many training requests, and
    once after the last; a request reads the newest fit from before it. The user's side is solved for each request from
    the user's history, so that it is never stale and new users have one.
    """

    outcomes: dict[str, str] = Field(min_length=1)
    dimension: int = Field(default=8, ge=1)
    regularization: float = Field(default=4.0, gt=0)
    bias_regularization: float = Field(default=5.0, gt=0)
    refits: int = Field(default=16, ge=1)


class MatchConfig(FrozenConfig):
    """The candidate match (`model.fusion.match`): sizes of its tied vectors, and what keeps them from over-fitting.

    An item has one vector of `dimension` numbers, whether it is a candidate or was met by the user: the sum of the rows
    of its id and of the features in `keys` (`{node set: [features]}`, all of them in one hashed table of `buckets`
    rows). Of both kinds of ids the share `dropout` is hidden in training, and `l2` times the rows' squares is added to
    the loss. Neighbours that the hops sampled are matched by their features and states too where `content` is true,
    and histories by `factors` of items where these are configured.
    """

    dimension: int = Field(default=16, ge=1)
    buckets: int = Field(default=50_000, ge=2)
    keys: dict[str, list[str]] = {}
    dropout: Rate = 0.1
    l2: float = Field(default=1e-3, ge=0)
    content: bool = True
    factors: FactorsConfig | None = None


class FusionConfig(FrozenConfig):
    """Level 1 adds graph states to the ranker's feature fields; level 2 to each task's hidden vector.

    With `match` level 1 also meets each candidate with the user's own neighbours: by products of tied vectors pooled
    over each edge set (`dot`), and by attention of the candidate over them besides (`attention`).
    """

    match: Literal["none", "dot", "attention"] = "none"
    feature_level: Literal["gate", "concat", "none"] = "gate"
    representation_level: Literal["gate", "none"] = "gate"


class TowersConfig(FrozenConfig):
    """TFRS cross layers and a shared bottom (or experts), then one small tower a task.

    `members` is how many bottoms with their towers there are, each with weights and losses of its own, which predict
    together.
    """

    members: int = Field(default=1, ge=1)
    bottom: Literal["shared", "mmoe"] = "shared"
    experts: int = Field(default=4, ge=1)
    cross_layers: int = Field(default=2, ge=0)
    cross_projection: int | None = Field(default=None, ge=1)
    bottom_units: list[int] = Field(default=[256, 128], min_length=1)
    task_units: list[int] = Field(default=[64], min_length=1)
    dropout: Rate = 0.1


class TaskConfig(FrozenConfig):
    """One label with its loss.

    A binary task learns a logit by cross-entropy. A regression learns f(label / unit), where `transform` is f and the
    unit is `scale`, or the candidate's float feature `relative_to` of `_readout` where that is larger; its predictions
    and metrics are in the label's units. `sample_weight` names a float feature of `_readout` that, like a label, is no
    input: the loss is the mean over labelled candidates weighted by it. `weight` is the loss's own among the losses.
    """

    label: str
    kind: Literal["binary", "regression"] = "binary"
    transform: Literal["log", "sqrt", "none"] = "log"
    scale: float = Field(default=1.0, gt=0)
    relative_to: str | None = None
    loss: Literal["huber", "log_cosh", "squared", "absolute"] = "huber"
    huber_delta: float = Field(default=1.0, gt=0)
    sample_weight: str | None = None
    weight: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _a_binary_task_has_no_transform(self) -> "TaskConfig":
        for key in ("transform", "scale", "relative_to", "loss", "huber_delta"):
            value = getattr(self, key)
            if self.kind == "binary" and value != type(self).model_fields[key].default:
                raise ValueError(f"{key} is for tasks of kind regression, received {value} with kind binary")
        return self


class BalancingConfig(FrozenConfig):
    """How the losses are weighted: `gradnorm` (arXiv 1711.02257); `fixed` at the tasks' own weights; `uncertainty`
    (arXiv 1705.07115), which starts there; `gradnorm_mean`, fixed at the mean weights of an earlier GradNorm training,
    of the run directory `weights_from`. `weights` holds these once they are read, so that the run does without it.

    `auto_encoder_cap` bounds GFAE's share of the sum of weights that are learned. The others are GradNorm's:
    `auto_encoder_gradient_share` bounds GFAE's share of the sum of all losses' gradient norms on the shared layer;
    `initial_loss_steps` is how many steps the running mean L(0) takes; with `update_every_steps` its weights, and what
    they cost, rest in all steps but every n-th.
    """

    method: Literal["gradnorm", "fixed", "uncertainty", "gradnorm_mean"] = "gradnorm"
    weights_from: str | None = None
    weights: dict[str, Annotated[float, Field(gt=0)]] | None = None
    alpha: float = Field(default=1.0, ge=0)
    learning_rate: float = Field(default=0.01, gt=0)
    initial_loss_steps: int = Field(default=50, ge=1)
    update_every_steps: int = Field(default=1, ge=1)
    auto_encoder_weight: float = Field(default=0.3, gt=0)
    auto_encoder_cap: Annotated[float, Field(gt=0, lt=1)] = 0.2
    auto_encoder_gradient_share: Annotated[float, Field(gt=0, lt=1)] = 0.3

    @model_validator(mode="after")
    def _check_weights(self) -> "BalancingConfig":
        given = self.weights_from is not None or self.weights is not None
        if (self.method == "gradnorm_mean") != given:
            raise ValueError(
                "weights_from: gradnorm_mean needs a run directory here, the other methods have no use for it"
            )
        return self


class RetrievalConfig(FrozenConfig):
    """Two towers on the encoder's states, which find items for a user among all items (TFRS factorized retrieval).

    A candidate whose label `positive` is above zero is what its user should find; the batch's other candidates
    (`negatives: positives`: only other positive ones) are what not, each logit corrected by how often training meets
    the item (`frequency_buckets` counters by hashed id). With `ranker_fields` the towers read the ranker's user and
    item features too; `query_features` are features of the request or temporal degrees of the user, `item_features`
    temporal degrees of the item.
    """

    positive: str
    units: int = Field(default=64, ge=1)
    hidden_units: list[int] = [128]
    temperature: float = Field(default=0.1, gt=0)
    negatives: Literal["candidates", "positives"] = "candidates"
    ranker_fields: bool = True
    query_features: list[str] = []
    item_features: list[str] = []
    frequency_buckets: int = Field(default=131_072, ge=2)
    weight: float = Field(default=0.3, gt=0)


class ModelConfig(FrozenConfig):
    """The whole model. `features` says how a node set's features are encoded; without an entry, strings and integers
    are categorical, floats numeric, and ids ignored. `numeric_transforms` is for numbers of the request that name no
    transforms of their own; with `piecewise` it gives rates bins too, beside what they are."""

    features: dict[str, dict[str, Encoding]] = {}
    numeric_transforms: Transforms | None = None
    rates: dict[str, SmoothedRate] = {}
    encoder: EncoderConfig = EncoderConfig()
    auto_encoder: AutoEncoderConfig = AutoEncoderConfig()
    fusion: FusionConfig = FusionConfig()
    match: MatchConfig = MatchConfig()
    towers: TowersConfig = TowersConfig()
    tasks: dict[str, TaskConfig] = Field(min_length=1)
    retrieval: RetrievalConfig | None = None
    balancing: BalancingConfig = BalancingConfig()

    @property
    def rate_bins(self) -> int:
        """How many bins each rate has beside its value."""
        return DEFAULT_BINS if "piecewise" in (self.numeric_transforms or ()) else 0

    @property
    def label_features(self) -> list[str]:
        """The `_readout` features that tasks learn or weigh by: the model may not read them."""
        named = [name for task in self.tasks.values() for name in (task.label, task.sample_weight)]
        named.append(None if self.retrieval is None else self.retrieval.positive)
        return list(dict.fromkeys(name for name in named if name is not None))

    @field_validator("tasks")
    @classmethod
    def _no_taken_name(cls, tasks: dict[str, TaskConfig]) -> dict[str, TaskConfig]:
        if "auto_encoder" in tasks:
            raise ValueError("auto_encoder: this name is taken by the graph feature auto-encoder")
        if "retrieval" in tasks:
            raise ValueError("retrieval: this name is taken by model.retrieval")
        return tasks

    @field_validator("features")
    @classmethod
    def _agreeing_tables(cls, features: dict[str, dict[str, Encoding]]) -> dict[str, dict[str, Encoding]]:
        problems = shared_table_problems(features)
        if problems:
            raise ValueError("; ".join(problems))
        return features
