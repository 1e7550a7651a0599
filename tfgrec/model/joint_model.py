"""The joint model: one forward pass for ranking and the auto-encoder, one step that balances their losses."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.model.auto_encoder import FeatureAutoEncoder
from tfgrec.model.encoder import GraphEncoder
from tfgrec.model.fusion import FieldGate
from tfgrec.model.gradnorm import GradNorm
from tfgrec.model.graph_fields import graph_fields
from tfgrec.model.loss_weights import FixedWeights
from tfgrec.model.masking import sample_masks
from tfgrec.model.ranker_fields import RankerFields
from tfgrec.model.shared_projection import SharedProjection
from tfgrec.model.task_losses import TaskLoss
from tfgrec.model.towers import RankingTowers

AUTO_ENCODER = "auto_encoder"

Phase = Literal["ranking", "pretraining"]
Labels = Mapping[str, tf.Tensor]
Gradient = tf.Tensor | tf.IndexedSlices

# No Python control flow here depends on a tensor. Converting all layers all the same would take a minute of tracing.
_without_autograph = tf.autograph.experimental.do_not_convert


class Represented(NamedTuple):
    """A batch as the heads see it.

    Attributes:
      states: The encoder's states, `{node_set: [num_nodes, units]}`.
      masks: The nodes hidden from it, `{node_set: bool [num_nodes]}`; none outside the auto-encoder's training.
      fields: The ranker's fields, `{field: [num_candidates, width]}`.
    """

    states: dict[str, tf.Tensor]
    masks: dict[str, tf.Tensor]
    fields: dict[str, tf.Tensor]

    @property
    def differentiable(self) -> list[tf.Tensor]:
        """All that losses depend on and that depends on variables."""
        return [*self.states.values(), *self.fields.values()]


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
      projection: The shared projection of the encoder's states.
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
        projection: SharedProjection | None = None,
        auto_encoder: FeatureAutoEncoder | None = None,
        mask_rate: float = 0.0,
        feature_fusion: bool = True,
        item_edge_sets: Sequence[str] = (),
        phase: Phase = "ranking",
    ) -> None:
        super().__init__(name="joint_model")
        self.ranker_fields, self.encoder = ranker_fields, encoder
        self.projection, self.auto_encoder = projection, auto_encoder
        self.field_gate, self.towers, self.balancer = field_gate, towers, balancer
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
        """All variables of the graph encoder, its tables and the shared projection included."""
        return [] if self.encoder is None else [*self.encoder.variables, *self.projection.variables]

    @property
    def embedding_variables(self) -> list[tf.Variable]:
        """Embedding tables of ids, of the encoder and of the ranker."""
        encoder_tables = [] if self.encoder is None else self.encoder.id_tables
        return [*encoder_tables, *self.ranker_fields.id_tables]

    @property
    def shared_kernels(self) -> list[tf.Variable]:
        """GradNorm's W: the shared projection's kernels, or the shared bottom's last ones where no encoder trains."""
        if self.projection is None or self._encoder_frozen:
            return self.towers.shared_kernels
        return self.projection.kernels

    def freeze_encoder(self) -> None:
        """Ends the pre-training of two_stage: from now on ranking trains on the encoder's states as they are.

        A `tf.function` that was traced around `train_step` before must be made anew.
        """
        self._phase, self._encoder_frozen = "ranking", True
        for part in (self.encoder, self.projection, self.auto_encoder):
            if part is not None:
                part.trainable = False
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
        others, tables = self._split(self.trainable_variables)
        optimizer.build(others)
        if embedding_optimizer is not None and tables:
            embedding_optimizer.build(tables)

    def create_variables(self, graph: tfgnn.GraphTensor) -> None:
        """Creates all variables, those outside the serving path too, so that optimizers and checkpoints see them."""
        self(graph, training=False)
        if self.auto_encoder is not None:
            self.auto_encoder_loss(graph, self.represent(graph, training=True))

    @_without_autograph
    def call(self, graph: tfgnn.GraphTensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Logits of all tasks."""
        return self.rank(graph, self.represent(graph, training=training), training=training)

    @_without_autograph
    def predictions(self, graph: tfgnn.GraphTensor) -> dict[str, tf.Tensor]:
        """`{task: [num_candidates]}`: probabilities of binary tasks, label units of regressions."""
        logits = self(graph, training=False)
        return {task: loss.predictions(logits[task]) for task, loss in self._task_losses.items()}

    def represent(self, graph: tfgnn.GraphTensor, training: bool = False) -> Represented:
        """Encodes features and graph; in training with some nodes hidden for the auto-encoder."""
        fields = self.ranker_fields(graph, training=training)
        if self.encoder is None:
            return Represented({}, {}, fields)
        masks = {}
        if training and self.auto_encoder is not None:
            masks = sample_masks(graph, node_sets=self.auto_encoder.node_sets, rate=self._mask_rate)
        return Represented(self.encoder(graph, masks=masks, training=training), masks, fields)

    def rank(self, graph: tfgnn.GraphTensor, represented: Represented, training: bool = False) -> dict[str, tf.Tensor]:
        """Logits of all tasks from a represented batch."""
        fields, graph_vector = dict(represented.fields), None
        if self.projection is not None:
            from_graph = graph_fields(graph, represented.states, self.projection, self._item_edge_sets)
            graph_vector = tf.concat(list(from_graph.values()), axis=1)
            if self._feature_fusion:
                fields |= from_graph
        fused = tf.concat(list(fields.values()), axis=1) if self.field_gate is None else self.field_gate(fields)
        return self.towers(fused, graph_vector=graph_vector, training=training)

    def task_loss_values(self, logits: Mapping[str, tf.Tensor], labels: Labels) -> dict[str, tf.Tensor]:
        """The unweighted losses of the tasks, `{task: scalar}`."""
        return {task: loss.loss(logits[task], labels[loss.config.label]) for task, loss in self._task_losses.items()}

    def auto_encoder_loss(self, graph: tfgnn.GraphTensor, represented: Represented) -> tf.Tensor:
        """The unweighted loss of the auto-encoder."""
        return self.auto_encoder(represented.states, represented.masks, graph, self.projection)

    def loss_values(
        self, graph: tfgnn.GraphTensor, labels: Labels, represented: Represented, training: bool = True
    ) -> dict[str, tf.Tensor]:
        """The unweighted losses of this phase, `{loss name: scalar}`. Labels are `{label: [num_candidates]}`."""
        losses: dict[str, tf.Tensor] = {}
        if self._phase == "ranking":
            losses = self.task_loss_values(self.rank(graph, represented, training=training), labels)
        if AUTO_ENCODER in self.loss_names:
            losses[AUTO_ENCODER] = self.auto_encoder_loss(graph, represented)
        return losses

    def loss_weights(self) -> dict[str, tf.Tensor]:
        """The weight of each of this phase's losses, `{loss name: scalar}`."""
        if self._phase == "pretraining":
            return {AUTO_ENCODER: tf.constant(1.0)}
        weights = tf.unstack(tf.convert_to_tensor(self.balancer.weights))
        return dict(zip(self.balancer.loss_names, weights, strict=True))

    @_without_autograph
    def train_step(self, data: tuple[tfgnn.GraphTensor, Labels]) -> dict[str, tf.Tensor]:
        """One step on (graph, labels). Returns `loss`, the weighted sum, `loss/<name>` and the `weight/<name>` used.

        Two tapes meet at the represented batch, so that the gradients of single losses, which end at the shared
        kernels, don't run through the encoder once for each loss.
        """
        graph, labels = data
        with tf.GradientTape() as input_tape:
            represented = self._represent_for_step(graph)
        boundary = represented.differentiable
        with tf.GradientTape(persistent=True) as loss_tape:
            loss_tape.watch(boundary)
            losses = self.loss_values(graph, labels, represented)
            weights = self.loss_weights()
            total = tf.add_n([weights[name] * loss for name, loss in losses.items()])
            # Optimizers add up the gradients of replicas.
            objective = total / tf.distribute.get_strategy().num_replicas_in_sync
        gradients, variables = self._gradients(objective, loss_tape, input_tape, boundary)
        if self._phase == "ranking" and self.balancer.needs_gradient_norms:
            norms = self._shared_gradient_norms(loss_tape, losses)
            self.balancer.update(tf.stack(list(losses.values())), norms)
        del loss_tape
        self._apply_gradients(gradients, variables)
        report = {"loss": total}
        report |= {f"loss/{name}": loss for name, loss in losses.items()}
        return report | {f"weight/{name}": weight for name, weight in weights.items()}

    def _represent_for_step(self, graph: tfgnn.GraphTensor) -> Represented:
        if not self._encoder_frozen:
            return self.represent(graph, training=True)
        states = self.encoder(graph, training=False)
        fields = self.ranker_fields(graph, training=True)
        return Represented({name: tf.stop_gradient(state) for name, state in states.items()}, {}, fields)

    def _gradients(
        self,
        objective: tf.Tensor,
        loss_tape: tf.GradientTape,
        input_tape: tf.GradientTape,
        boundary: Sequence[tf.Tensor],
    ) -> tuple[list[Gradient | None], list[tf.Variable]]:
        """Gradients of all trainable variables: of the heads from one tape, through `boundary` of the inputs."""
        inputs, heads = self._input_and_head_variables()
        of_boundary, of_heads = loss_tape.gradient(objective, (boundary, heads))
        reached = [pair for pair in zip(boundary, of_boundary, strict=True) if pair[1] is not None]
        tensors, incoming = zip(*reached, strict=True)
        of_inputs = input_tape.gradient(tensors, inputs, output_gradients=incoming)
        return [*of_inputs, *of_heads], [*inputs, *heads]

    def _shared_gradient_norms(self, tape: tf.GradientTape, losses: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """||grad_W L_i|| of each loss, `[num_losses]`; W has parts that a loss does not reach."""
        kernels, unreached = self.shared_kernels, tf.UnconnectedGradients.ZERO
        gradients = [tape.gradient(loss, kernels, unconnected_gradients=unreached) for loss in losses.values()]
        return tf.stack([tf.linalg.global_norm(of_loss) for of_loss in gradients])

    def _input_and_head_variables(self) -> tuple[list[tf.Variable], list[tf.Variable]]:
        """The trainable variables before and after the represented batch."""
        parts = [self.ranker_fields] if self.encoder is None else [self.ranker_fields, self.encoder]
        inputs = [variable for part in parts for variable in part.trainable_variables]
        refs = {variable.ref() for variable in inputs}
        return inputs, [variable for variable in self.trainable_variables if variable.ref() not in refs]

    def _apply_gradients(self, gradients: Sequence[Gradient | None], variables: Sequence[tf.Variable]) -> None:
        gradient_of = {
            variable.ref(): gradient
            for gradient, variable in zip(gradients, variables, strict=True)
            if gradient is not None
        }
        if self._clip_norm is not None:
            clipped, _ = tf.clip_by_global_norm(list(gradient_of.values()), self._clip_norm)
            gradient_of = dict(zip(gradient_of, clipped, strict=True))
        others, tables = self._split([ref.deref() for ref in gradient_of])
        self.optimizer.apply_gradients([(gradient_of[variable.ref()], variable) for variable in others])
        if tables:
            self.embedding_optimizer.apply_gradients([(gradient_of[variable.ref()], variable) for variable in tables])

    def _split(self, variables: Sequence[tf.Variable]) -> tuple[list[tf.Variable], list[tf.Variable]]:
        """Variables of the optimizer, and variables of the embedding optimizer."""
        if self.embedding_optimizer is None:
            return list(variables), []
        tables = {table.ref() for table in self.embedding_variables}
        others = [variable for variable in variables if variable.ref() not in tables]
        return others, [variable for variable in variables if variable.ref() in tables]
