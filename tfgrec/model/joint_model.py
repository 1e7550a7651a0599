"""The joint model: one forward pass for ranking and the auto-encoder, one step that balances their losses."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import READOUT
from tfgrec.model.auto_encoder import FeatureAutoEncoder
from tfgrec.model.encoder import GraphEncoder
from tfgrec.model.fusion import FieldGate
from tfgrec.model.gradnorm import GradNorm
from tfgrec.model.graph_fields import graph_fields
from tfgrec.model.loss_weights import FixedWeights
from tfgrec.model.masking import sample_masks
from tfgrec.model.ranker_fields import RankerFields
from tfgrec.model.task_losses import TaskLoss
from tfgrec.model.towers import RankingTowers

AUTO_ENCODER = "auto_encoder"

Phase = Literal["ranking", "pretraining"]

# No Python control flow here depends on a tensor. Converting all layers all the same would take a minute of tracing.
_without_autograph = tf.autograph.experimental.do_not_convert


class Encoded(NamedTuple):
    """The encoder's states, and the nodes that were hidden from it (none, outside the auto-encoder's training)."""

    states: dict[str, tf.Tensor]
    masks: dict[str, tf.Tensor]


class JointModel(tf.keras.Model):
    """Graph encoder, auto-encoder, fusion and towers, trained together. Made by `build.build_joint_model`.

    In phase "ranking", a step minimises the weighted sum of all tasks' losses and, unless the encoder is frozen, the
    auto-encoder's. In phase "pretraining" it minimises the auto-encoder's loss alone.

    Args:
      ranker_fields: The ranker's own feature encoders.
      towers: From fused fields to logits.
      task_losses: `{task: TaskLoss}`.
      balancer: Weights of the losses in phase "ranking".
      field_gate: Level 1 of the fusion; None to concatenate.
      encoder: The graph encoder; None for a model without graph.
      auto_encoder: None to train without.
      mask_rate: Share of nodes that the auto-encoder hides.
      feature_fusion: Whether graph fields join the ranker's fields.
      item_edge_sets: Readout edge sets of the item node sets.
      phase: Where training starts.

    Call: scalar GraphTensor of a batch of requests, training -> `{task: logits [num_candidates]}`.
    """

    def __init__(
        self,
        *,
        ranker_fields: RankerFields,
        towers: RankingTowers,
        task_losses: Mapping[str, TaskLoss],
        balancer: GradNorm | FixedWeights,
        field_gate: FieldGate | None = None,
        encoder: GraphEncoder | None = None,
        auto_encoder: FeatureAutoEncoder | None = None,
        mask_rate: float = 0.0,
        feature_fusion: bool = True,
        item_edge_sets: Sequence[str] = (),
        phase: Phase = "ranking",
    ) -> None:
        super().__init__(name="joint_model")
        self.ranker_fields, self.towers, self.field_gate = ranker_fields, towers, field_gate
        self.encoder, self.auto_encoder, self.balancer = encoder, auto_encoder, balancer
        self._task_losses = dict(task_losses)
        self._mask_rate, self._feature_fusion = mask_rate, feature_fusion
        self._item_edge_sets = list(item_edge_sets)
        self._phase: Phase = phase
        self._encoder_frozen = False
        self.embedding_optimizer: tf.keras.optimizers.Optimizer | None = None
        self._clip_norm: float | None = None

    @property
    def task_names(self) -> list[str]:
        """The ranking tasks."""
        return list(self._task_losses)

    @property
    def phase(self) -> Phase:
        """What a step trains: "ranking" (with the auto-encoder, if any) or "pretraining" (the auto-encoder alone)."""
        return self._phase

    @property
    def loss_names(self) -> list[str]:
        """The losses of this phase, in the order of the balancer's weights."""
        return [AUTO_ENCODER] if self._phase == "pretraining" else list(self.balancer.loss_names)

    @property
    def encoder_variables(self) -> list[tf.Variable]:
        """All variables of the graph encoder, its tables included."""
        return [] if self.encoder is None else list(self.encoder.variables)

    @property
    def embedding_variables(self) -> list[tf.Variable]:
        """Embedding tables of ids, of the encoder and of the ranker."""
        encoder_tables = [] if self.encoder is None else self.encoder.id_tables
        return [*encoder_tables, *self.ranker_fields.id_tables]

    @property
    def shared_kernels(self) -> list[tf.Variable]:
        """GradNorm's W: the encoder's shared projection, or the shared bottom's last kernels if no encoder trains."""
        if self.encoder is None or self._encoder_frozen:
            return self.towers.shared_kernels
        return self.encoder.shared_kernels

    def freeze_encoder(self) -> None:
        """Ends the pre-training of two_stage: from now on ranking trains on the encoder's states as they are.

        A `tf.function` that was traced around `train_step` before must be made anew.
        """
        self._phase, self._encoder_frozen = "ranking", True
        if self.encoder is not None:
            self.encoder.trainable = False
        if self.auto_encoder is not None:
            self.auto_encoder.trainable = False
        self.train_function = None

    def compile(
        self,
        *,
        optimizer: tf.keras.optimizers.Optimizer,
        embedding_optimizer: tf.keras.optimizers.Optimizer | None = None,
        clip_norm: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Sets the optimizers: one for id tables, one for all else (or one for all).

        `clip_norm` bounds the global norm of all gradients of a step together.
        """
        super().compile(optimizer=optimizer, **kwargs)
        self.embedding_optimizer, self._clip_norm = embedding_optimizer, clip_norm
        dense, tables = self._split(self.trainable_variables)
        optimizer.build(dense)
        if embedding_optimizer is not None and tables:
            embedding_optimizer.build(tables)

    @_without_autograph
    def call(self, graph: tfgnn.GraphTensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Logits of all tasks."""
        return self.rank(graph, self.encode(graph, training=training), training=training)

    @_without_autograph
    def predictions(self, graph: tfgnn.GraphTensor) -> dict[str, tf.Tensor]:
        """`{task: [num_candidates]}`: probabilities of binary tasks, label units of regressions."""
        logits = self(graph, training=False)
        return {task: loss.predictions(logits[task]) for task, loss in self._task_losses.items()}

    def create_variables(self, graph: tfgnn.GraphTensor) -> None:
        """Creates all variables, those outside the serving path too, so that optimizers and checkpoints see them."""
        self(graph, training=False)
        if self.auto_encoder is not None:
            encoded = self.encode(graph, training=True)
            self.auto_encoder(encoded.states, masks=encoded.masks, graph=graph)

    def encode(self, graph: tfgnn.GraphTensor, training: bool = False) -> Encoded:
        """Encodes the graph, in training with some nodes hidden for the auto-encoder."""
        if self.encoder is None:
            return Encoded({}, {})
        masks = {}
        if training and self.auto_encoder is not None:
            masks = sample_masks(
                graph,
                node_sets=self.auto_encoder.node_sets,
                readout_edge_sets=[f"{READOUT}/user", *self._item_edge_sets],
                rate=self._mask_rate,
            )
        return Encoded(self.encoder(graph, masks=masks, training=training), masks)

    def rank(self, graph: tfgnn.GraphTensor, encoded: Encoded, training: bool = False) -> dict[str, tf.Tensor]:
        """Logits from the ranker's fields and the encoder's states."""
        fields = self.ranker_fields(graph, training=training)
        graph_vector = None
        if encoded.states:
            from_graph = graph_fields(graph, encoded.states, self._item_edge_sets)
            graph_vector = tf.concat(list(from_graph.values()), axis=1)
            if self._feature_fusion:
                fields |= from_graph
        fused = tf.concat(list(fields.values()), axis=1) if self.field_gate is None else self.field_gate(fields)
        return self.towers(fused, graph_vector=graph_vector, training=training)

    def task_loss_values(
        self, logits: Mapping[str, tf.Tensor], labels: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """The unweighted losses of the tasks, `{task: scalar}`."""
        return {task: loss.loss(logits[task], labels[loss.config.label]) for task, loss in self._task_losses.items()}

    def loss_values(
        self, graph: tfgnn.GraphTensor, labels: Mapping[str, tf.Tensor], training: bool = True
    ) -> dict[str, tf.Tensor]:
        """The unweighted losses of this phase, `{loss name: scalar}`. Labels are `{label: [num_candidates]}`."""
        encoded = self._encode_for_step(graph, training)
        losses = {}
        if self._phase == "ranking":
            losses = self.task_loss_values(self.rank(graph, encoded, training=training), labels)
        if AUTO_ENCODER in self.loss_names:
            losses[AUTO_ENCODER] = self.auto_encoder(encoded.states, masks=encoded.masks, graph=graph)
        return losses

    def loss_weights(self) -> dict[str, tf.Tensor]:
        """The weight of each of this phase's losses, `{loss name: scalar}`."""
        if self._phase == "pretraining":
            return {AUTO_ENCODER: tf.constant(1.0)}
        weights = tf.unstack(tf.convert_to_tensor(self.balancer.weights))
        return dict(zip(self.balancer.loss_names, weights, strict=True))

    @_without_autograph
    def train_step(self, data: tuple[tfgnn.GraphTensor, Mapping[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
        """One step on (graph, labels). Returns `loss`, the weighted sum, `loss/<name>` and the `weight/<name>` used."""
        graph, labels = data
        with tf.GradientTape(persistent=True) as tape:
            losses = self.loss_values(graph, labels, training=True)
            weights = self.loss_weights()
            total = tf.add_n([weights[name] * loss for name, loss in losses.items()])
        variables = self.trainable_variables
        gradients = tape.gradient(total, variables)
        if self._phase == "ranking":
            self._balance(tape, losses)
        del tape
        self._apply_gradients(gradients, variables)
        report = {"loss": total}
        report |= {f"loss/{name}": loss for name, loss in losses.items()}
        return report | {f"weight/{name}": weight for name, weight in weights.items()}

    def _encode_for_step(self, graph: tfgnn.GraphTensor, training: bool) -> Encoded:
        if not self._encoder_frozen:
            return self.encode(graph, training=training)
        states = self.encode(graph, training=False).states
        return Encoded({name: tf.stop_gradient(state) for name, state in states.items()}, {})

    def _balance(self, tape: tf.GradientTape, losses: Mapping[str, tf.Tensor]) -> None:
        if not self.balancer.needs_gradient_norms:
            return
        kernels = self.shared_kernels
        norms = [tf.linalg.global_norm(_gradient_on(tape, loss, kernels)) for loss in losses.values()]
        self.balancer.update(tf.stack(list(losses.values())), tf.stack(norms))

    def _apply_gradients(self, gradients: list[Any], variables: list[tf.Variable]) -> None:
        pairs = [(gradient, variable) for gradient, variable in zip(gradients, variables, strict=True)]
        pairs = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        if self._clip_norm is not None:
            clipped, _ = tf.clip_by_global_norm([gradient for gradient, _ in pairs], self._clip_norm)
            pairs = [(gradient, variable) for gradient, (_, variable) in zip(clipped, pairs, strict=True)]
        gradient_of = {variable.ref(): gradient for gradient, variable in pairs}
        dense, tables = self._split([variable for _, variable in pairs])
        self.optimizer.apply_gradients([(gradient_of[variable.ref()], variable) for variable in dense])
        if tables:
            self.embedding_optimizer.apply_gradients([(gradient_of[variable.ref()], variable) for variable in tables])

    def _split(self, variables: Sequence[tf.Variable]) -> tuple[list[tf.Variable], list[tf.Variable]]:
        """Variables of the optimizer, and variables of the embedding optimizer."""
        if self.embedding_optimizer is None:
            return list(variables), []
        tables = {table.ref() for table in self.embedding_variables}
        dense = [variable for variable in variables if variable.ref() not in tables]
        return dense, [variable for variable in variables if variable.ref() in tables]


def _gradient_on(tape: tf.GradientTape, loss: tf.Tensor, kernels: list[tf.Variable]) -> list[tf.Tensor]:
    """Gradients on kernels, zero where the loss does not reach one."""
    return tape.gradient(loss, kernels, unconnected_gradients=tf.UnconnectedGradients.ZERO)
