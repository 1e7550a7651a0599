"""The parts of the model, each behind a switch."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tfgrec.config.base import FrozenConfig, Rate
from tfgrec.config.each import written_out
from tfgrec.config.encodings import DEFAULT_BINS, Encoding, SmoothedRate, Transforms, shared_table_problems
from tfgrec.config.match import MatchConfig


class EncoderConfig(FrozenConfig):
    """Rounds of a TF-GNN GraphUpdate, by name of the model template in `tensorflow_gnn.models`.

    A new state passes `dropout`; with `residual` the old one is added; then comes `normalization`.

    Attributes:
      update: the template: `mt_albis`, `graph_sage` (the neighbours' mean), `gat_v2`, `hgt` or `mpnn` (sums).
      rounds: how often messages are passed.
      units: width of states.
      message_units: width of messages; null: as states. `graph_sage`: width of a hidden layer on each neighbour,
        null: none. Not for `hgt`.
      attention_heads: for `gat_v2` and `hgt`, null: 4.
      residual: whether the old state is added; `hgt` has a link of its own with a learned weight, which stays.
      normalization: `layer`, `batch`, `l2` or `none`.
      dropout: of what the template makes, in training.
      edge_dropout: share of edges left out in training, for `mt_albis` and `gat_v2`.
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

    Attributes:
      enabled: whether there is one.
      mask_rate: chance of a node to be hidden. Never hidden: nodes that candidates are tied to (roots), nodes
        that sampled no neighbour, padding.
      targets: the features to rebuild, `{node_set: [features]}`; null: all that can be.
      forward_pass: ranking reads the states of the pass that hides nodes (`shared`), or those of a pass of its
        own that hides none (`second`).
      decoder: from a hidden node's state; `graph_update`: hides these states too, then one more update of the
        encoder's kind, as in [GraphMAE](https://arxiv.org/abs/2205.10803).
      max_classes: classes of a categorical target, the rarest values in one.
      numeric_loss: of each number; `scaled_cosine`: of a node's numbers as one vector.
      cosine_power: of the scaled cosine.
    """

    enabled: bool = True
    mask_rate: Annotated[float, Field(gt=0, lt=1)] = 0.3
    targets: dict[str, list[str]] | None = None
    forward_pass: Literal["shared", "second"] = "shared"
    decoder: Literal["linear", "graph_update"] = "linear"
    max_classes: int = Field(default=200, ge=2)
    numeric_loss: Literal["squared_error", "scaled_cosine"] = "squared_error"
    cosine_power: float = Field(default=2.0, ge=1)


class FusionConfig(FrozenConfig):
    """Level 1 adds graph states to the ranker's feature fields; level 2 to each task's hidden vector.

    Attributes:
      match: `dot`: level 1 meets each candidate with what its own user met; `attention`: candidates attend to it
        besides.
      feature_level: user state, item state and their product join the ranker's fields: `concat`; `gate`: each
        field, the ranker's own too, times a gate in (0, 2) computed from all fields; or `none`.
      representation_level: each task adds gate x (a hidden layer on the graph's fields) to its hidden vector,
        with a gate in (0, 2) for each unit, computed from both; or `none`.
    """

    match: Literal["none", "dot", "attention"] = "none"
    feature_level: Literal["gate", "concat", "none"] = "gate"
    representation_level: Literal["gate", "none"] = "gate"


class TowersConfig(FrozenConfig):
    """TFRS cross layers and a shared bottom (or experts), then one small tower a task.

    Members have weights and losses of their own, and predict together.

    Attributes:
      members: bottoms with their towers.
      bottom: `shared`: one MLP; `mmoe`: several experts, mixed by a softmax gate of each task; `ple`: experts of each
        task beside shared ones, level by level.
      experts: of `mmoe`; of `ple` the shared ones, at each level.
      task_experts: of `ple`: of each task, at each level.
      cross_layers: TFRS cross layers on the fused fields; 0: none.
      cross_projection: rank of their kernels; null: full.
      bottom_units: widths of the bottom, or of each expert; of `ple` one level each.
      task_units: widths of each task's MLP.
      dropout: between cross layers, bottom and towers.
    """

    members: int = Field(default=1, ge=1)
    bottom: Literal["shared", "mmoe", "ple"] = "shared"
    experts: int = Field(default=4, ge=1)
    task_experts: int = Field(default=2, ge=1)
    cross_layers: int = Field(default=2, ge=0)
    cross_projection: int | None = Field(default=None, ge=1)
    bottom_units: list[int] = Field(default=[256, 128], min_length=1)
    task_units: list[int] = Field(default=[64], min_length=1)
    dropout: Rate = 0.1


class TaskConfig(FrozenConfig):
    """One label with its loss. A regression's predictions and metrics are in the label's units.

    Attributes:
      label: a label of tables.yaml.
      kind: `binary`: cross-entropy of a logit, predicts a probability; `regression` predicts in the label's
        units.
      transform: a regression learns log(1 + x) (`log`), the square root of x (`sqrt`), or x (`none`), where x is
        label / unit.
      scale: the label's unit.
      relative_to: a float request feature that is each candidate's unit where it is larger than `scale`.
      loss: on the transformed label: `huber`, `log_cosh`, `squared` or `absolute`.
      huber_delta: where `huber` turns from squared to absolute.
      sample_weight: a float feature of `_readout` by which the mean over candidates is weighed. Like a label it
        is no input, and served requests need not have it. NaN and negative ones count as zero. Metrics are not
        weighted.
      weight: of the loss among the losses.
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
    """How the losses are weighted: by GradNorm (arXiv 1711.02257), by learned variances (`uncertainty`, arXiv
    1705.07115), which start at the tasks' own weights, fixed at these, or at those that GradNorm gave on average.

    Attributes:
      method: `gradnorm`, `uncertainty`, `fixed` or `gradnorm_mean`.
      weights_from: `gradnorm_mean`: the run directory of a finished GradNorm training.
      weights: these means, written into config.yaml once they are read.
      alpha: GradNorm: how hard slower tasks are pushed.
      learning_rate: GradNorm: of the weights.
      initial_loss_steps: GradNorm: steps that the first losses are the mean of.
      update_every_steps: GradNorm: its weights, and what their gradients cost, rest in all steps but every n-th.
      auto_encoder_weight: where its weight starts.
      auto_encoder_cap: its largest share of the sum of learned weights.
      auto_encoder_gradient_share: GradNorm: its largest share of the sum of all losses' weighted gradient norms
        on the shared layer.
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

    The batch's other candidates are what a user should not find, each logit corrected by how often training meets the
    item.

    Attributes:
      positive: a label; a candidate where it is above zero is what its user should find.
      units: width of the vectors.
      hidden_units: widths of each tower's hidden layers.
      temperature: what inner products are divided by.
      negatives: what else of the batch is told apart: all `candidates`, or other `positives` alone.
      ranker_fields: whether the towers read the ranker's user and item features too.
      query_features: features of the request, or temporal degrees of the user, that the user's tower reads.
      item_features: temporal degrees of the item that the item's tower reads.
      frequency_buckets: counters, by hashed id, of how often training meets an item.
      weight: of the loss among the losses.
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
    """The whole model.

    Attributes:
      features: how a node set's features are read, `{node_set: {feature: encoding}}`; without an entry, strings and
        integers are categorical, floats numeric, and ids ignored.
      numeric_transforms: for numbers of the request that name no transforms of their own; with `piecewise` it gives
        rates bins too, beside what they are.
      rates: request features made of counts, by a name of one's own.
      encoder: the graph encoder.
      auto_encoder: the self-supervised loss beside ranking (GFAE).
      fusion: where the graph joins the ranker.
      match: sizes of the candidate match, which `fusion.match` switches on.
      towers: from the fused fields to the tasks.
      tasks: what is learned, by a name of one's own.
      retrieval: two towers that find items; null: none.
      balancing: the weights of the losses.
    """

    features: dict[str, dict[str, Encoding]] = {}
    numeric_transforms: Transforms | None = None
    rates: Annotated[dict[str, SmoothedRate], BeforeValidator(written_out)] = {}
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

    def all_labels(self, declared: Iterable[str] = ()) -> list[str]:
        """The `_readout` features that the model may not read: labels that tables.yaml declares, and all that tasks
        learn or weigh by."""
        named = [name for task in self.tasks.values() for name in (task.label, task.sample_weight)]
        named.append(None if self.retrieval is None else self.retrieval.positive)
        return list(dict.fromkeys([*declared, *(name for name in named if name is not None)]))

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
