"""The joint model: one forward pass for ranking and the auto-encoder, one step that balances their losses."""

from collections.abc import Mapping, Sequence
from typing import Literal

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config.model import TaskConfig
from tfgrec.graph.schema import READOUT
from tfgrec.model.auto_encoder.feature_auto_encoder import FeatureAutoEncoder
from tfgrec.model.balancing.balancer import Balancer
from tfgrec.model.encoder.graph_encoder import GraphEncoder
from tfgrec.model.encoder.masking import sample_masks
from tfgrec.model.encoder.shared_projection import SharedProjection
from tfgrec.model.fusion.field_fusion import FieldFusion
from tfgrec.model.fusion.graph_fields import GRAPH_FIELDS, graph_fields
from tfgrec.model.fusion.ranker_fields import RankerFields
from tfgrec.model.item_parts import ItemParts
from tfgrec.model.loss_sum import LossSum
from tfgrec.model.match.candidate_match import MATCH_SUMS, CandidateMatch
from tfgrec.model.match.content_match import NodeVectors
from tfgrec.model.match.match_logits import MatchLogits
from tfgrec.model.pretraining.link_prediction import LINK_PREDICTION, LinkPrediction
from tfgrec.model.ranking.task_losses import TaskLoss
from tfgrec.model.ranking.towers import RankingTowers
from tfgrec.model.represented import Represented
from tfgrec.model.retrieval.retrieval_task import RETRIEVAL, RetrievalTask
from tfgrec.model.static_vectors import StaticVectors
from tfgrec.model.step.clipped_update import ClippedUpdate
from tfgrec.model.step.step_gradients import StepGradients
from tfgrec.model.step.xla import compiled, compiled_on_graph
from tfgrec.model.unknown_ids import UnknownIds

AUTO_ENCODER = "auto_encoder"

ModelPhase = Literal["ranking", "pretraining"]
Labels = Mapping[str, tf.Tensor]

# No Python control flow here depends on a tensor. Converting all layers all the same would take a minute of tracing.
_without_autograph = tf.autograph.experimental.do_not_convert


class JointModel(tf.keras.Model):
    """Graph encoder, auto-encoder, fusion and towers, trained together. Made by `build.build_joint_model`.

    In phase "ranking", a step minimises the weighted sum of all tasks' losses and, unless the encoder is frozen, the
    auto-encoder's. In phase "pretraining" it minimises the auto-encoder's loss alone, or that of link prediction.

    Args:
      ranker_fields: The ranker's own feature encoders.
      field_fusion: Level 1 of the fusion.
      towers: From fused fields to logits.
      task_losses: `{task: TaskLoss}`.
      balancer: Weights of the losses in phase "ranking".
      encoder: The graph encoder; None for a model without graph.
      projection: The shared projection of the encoder's states.
      auto_encoder: None to train without.
      mask_rate: Share of nodes that the auto-encoder hides.
      second_pass: Whether ranking has a forward pass of its own, in which nothing is hidden.
      item_edge_sets: Readout edge sets of the item node sets.
      retrieval: Finds items for users, trained in phase "ranking"; None to train without.
      match: Meets candidates with what their users met; None to rank without.
      link_prediction: What phase "pretraining" trains; None: the auto-encoder.
      static_vectors: What ranking reads in place of the encoder's states; None to run the encoder.
      unknown_ids: Takes ids off nodes, before anything else; None: all keep theirs.
      phase: Where training starts.

    Call: scalar GraphTensor of a batch of requests, training, ItemParts or None -> `{task: logits [num_candidates]}`.
    """

    def __init__(
        self,
        *,
        ranker_fields: RankerFields,
        field_fusion: FieldFusion,
        towers: RankingTowers,
        task_losses: Mapping[str, TaskLoss],
        balancer: Balancer,
        encoder: GraphEncoder | None = None,
        projection: SharedProjection | None = None,
        auto_encoder: FeatureAutoEncoder | None = None,
        mask_rate: float = 0.0,
        second_pass: bool = False,
        item_edge_sets: Sequence[str] = (),
        retrieval: RetrievalTask | None = None,
        match: CandidateMatch | None = None,
        link_prediction: LinkPrediction | None = None,
        static_vectors: StaticVectors | None = None,
        unknown_ids: UnknownIds | None = None,
        phase: ModelPhase = "ranking",
    ) -> None:
        super().__init__(name="joint_model")
        self.ranker_fields, self.encoder = ranker_fields, encoder
        self.projection, self.auto_encoder = projection, auto_encoder
        self.field_fusion, self.towers, self.balancer = field_fusion, towers, balancer
        self._task_losses = dict(task_losses)
        self._mask_rate, self._second_pass = mask_rate, second_pass
        self._item_edge_sets, self.retrieval = list(item_edge_sets), retrieval
        self.link_prediction, self.static_vectors = link_prediction, static_vectors
        self.match, self._unknown_ids = match, unknown_ids
        self.match_logits = _match_logits(match, task_losses)
        self._phase: ModelPhase = phase
        self._encoder_frozen = False
        self._propagate = None if encoder is None else encoder.propagate
        self._training_rank = self.member_logits
        self.embedding_optimizer: tf.keras.optimizers.Optimizer | None = None
        self._update: ClippedUpdate | None = None

    @property
    def phase(self) -> ModelPhase:
        """What a step trains: "ranking" (with the auto-encoder, if any) or "pretraining" (the encoder alone)."""
        return self._phase

    @property
    def loss_names(self) -> list[str]:
        """The losses of this phase, in the order of the balancer's weights."""
        pretraining = AUTO_ENCODER if self.link_prediction is None else LINK_PREDICTION
        return [pretraining] if self._phase == "pretraining" else list(self.balancer.loss_names)

    @property
    def tasks(self) -> dict[str, TaskConfig]:
        """What is predicted."""
        return {name: loss.config for name, loss in self._task_losses.items()}

    @property
    def encoder_variables(self) -> list[tf.Variable]:
        """All variables of the graph encoder, its tables and the shared projection included."""
        return [] if self.encoder is None else [*self.encoder.variables, *self.projection.variables]

    @property
    def embedding_variables(self) -> list[tf.Variable]:
        """Embedding tables of ids, of the encoder, of the ranker, of retrieval and of the match, and static vectors."""
        owners = (self.encoder, self.ranker_fields, self.retrieval, self.static_vectors, self.match)
        parts = [part for part in owners if part is not None]
        weights = [] if self.match_logits is None else self.match_logits.learned_with_tables
        return [*(table for part in parts for table in part.id_tables), *weights]

    @property
    def shared_kernels(self) -> list[tf.Variable]:
        """GradNorm's W: the shared projection's kernels, or the shared bottom's last ones where no encoder trains."""
        if self.projection is None or self._encoder_frozen:
            return self.towers.shared_kernels
        return self.projection.kernels

    def freeze_encoder(self) -> None:
        """Ends the pre-training: from now on ranking trains on the encoder's states, or static vectors, as they are.

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
        jit_compile: bool = False,
    ) -> None:
        """Says how to train.

        Args:
          optimizer: For all variables, or for all but id tables.
          embedding_optimizer: For id tables.
          clip_norm: Bounds the global norm of all gradients of a step together.
          jit_compile: Whether XLA compiles message passing and ranking in training steps. Batches should be padded,
            since every new shape is compiled; and a step can't be compiled as a whole, since look-ups can't be.
        """
        super().compile(optimizer=optimizer)
        self.embedding_optimizer = embedding_optimizer
        self._update = ClippedUpdate(
            optimizer=self.optimizer,
            table_optimizer=embedding_optimizer,
            tables=self.embedding_variables,
            clip_norm=clip_norm,
        )
        self._update.build(self.trainable_variables)
        if self.encoder is not None:
            self._propagate = compiled_on_graph(self.encoder.propagate) if jit_compile else self.encoder.propagate
        self._training_rank = compiled(self.member_logits) if jit_compile else self.member_logits

    def create_variables(self, graph: tfgnn.GraphTensor) -> None:
        """Creates all variables, those outside the serving path too, so that optimizers and checkpoints see them."""
        self(graph, training=False)
        if self.retrieval is not None:
            fields = self.fields(graph, self.represent(graph))
            self.retrieval.query_vectors(graph, fields)
            self.retrieval.item_vectors(graph, fields)
        if self.auto_encoder is not None:
            self.auto_encoder_loss_sum(graph, self.represent(graph, training=True))
        if self.static_vectors is not None:
            self.encode_roots(graph)

    @_without_autograph
    def call(
        self, graph: tfgnn.GraphTensor, training: bool = False, items: ItemParts | None = None
    ) -> dict[str, tf.Tensor]:
        """Logits of all tasks."""
        represented = self.represent(graph, training=training, items=items)
        return self.rank(self.fields(graph, represented, items), training=training)

    @_without_autograph
    def predictions(self, graph: tfgnn.GraphTensor, items: ItemParts | None = None) -> dict[str, tf.Tensor]:
        """`{task: [num_candidates]}`: probabilities of binary tasks, label units of regressions."""
        logits, features = self(graph, training=False, items=items), graph.node_sets[READOUT].get_features_dict()
        return {task: loss.predictions(logits[task], features) for task, loss in self._task_losses.items()}

    @_without_autograph
    def query_vectors(self, graph: tfgnn.GraphTensor) -> tf.Tensor:
        """Retrieval's vectors of the candidates' users, float32 `[num_candidates, units]`."""
        return self.retrieval.query_vectors(graph, self.fields(graph, self.represent(graph)))

    @_without_autograph
    def item_vectors(self, graph: tfgnn.GraphTensor) -> tf.Tensor:
        """Retrieval's vectors of the candidates' items, float32 `[num_candidates, units]`."""
        return self.retrieval.item_vectors(graph, self.fields(graph, self.represent(graph)))

    def encode_roots(self, graph: tfgnn.GraphTensor) -> dict[str, tf.Tensor]:
        """The encoder's own `{field: [num_candidates, units]}` for GRAPH_FIELDS: what static vectors are made of."""
        graph = self._without_unknown_ids(graph, training=False)
        return graph_fields(graph, self.encoder(graph), self.projection, self._item_edge_sets)

    def represent(
        self, graph: tfgnn.GraphTensor, training: bool = False, items: ItemParts | None = None
    ) -> Represented:
        """Encodes features and graph; in training with some nodes, or edges, hidden for what they are to teach."""
        graph = self._without_unknown_ids(graph, training)
        fields = self.ranker_fields(graph, training=training, items=items)
        if self.encoder is None:
            return Represented({}, {}, {}, fields)
        if self.static_vectors is not None and not (training and self._phase == "pretraining"):
            fields = {**fields, **self.static_vectors(graph, items=items)}
            if self.match is not None:
                fields |= self.match(graph, None, self.static_vectors.item_vectors, training=training, items=items)
            return Represented({}, {}, {}, fields)
        inputs = self.encoder.inputs(graph, training=training)
        propagate = self._propagate if training else self.encoder.propagate
        held_out = None
        if training and LINK_PREDICTION in self.loss_names:
            held_out = self.link_prediction.hold_out(graph)
            # Not compiled: how many edges are left differs from batch to batch.
            inputs, propagate = held_out.removed_from(inputs), self.encoder.propagate
        if not training or self.auto_encoder is None:
            states = propagate(inputs, training=training)
            fields = {**fields, **self._matched(graph, inputs, states, training, items)}
            return Represented(states, states, {}, fields, held_out)
        # In pre-training nobody reads the pass in which nothing is hidden.
        second_pass = self._second_pass and self._phase == "ranking"
        states = propagate(inputs, training=True) if second_pass else None
        masks = sample_masks(graph, node_sets=self.auto_encoder.node_sets, rate=self._mask_rate)
        masked_states = propagate(inputs, masks, training=True)
        states = masked_states if states is None else states
        return Represented(states, masked_states, masks, {**fields, **self._matched(graph, inputs, states, training)})

    def _without_unknown_ids(self, graph: tfgnn.GraphTensor, training: bool) -> tfgnn.GraphTensor:
        return graph if self._unknown_ids is None else self._unknown_ids(graph, training=training)

    def _matched(
        self,
        graph: tfgnn.GraphTensor,
        inputs: tfgnn.GraphTensor,
        states: Mapping[str, tf.Tensor],
        training: bool,
        items: ItemParts | None = None,
    ) -> dict[str, tf.Tensor]:
        """The match's fields; nothing without a match, or where ranking does not train."""
        if self.match is None or (training and self._phase == "pretraining"):
            return {}
        initial = {name: inputs.node_sets[name][tfgnn.HIDDEN_STATE] for name in states}
        return self.match(graph, NodeVectors(initial, states), None, training=training, items=items)

    def fields(
        self, graph: tfgnn.GraphTensor, represented: Represented, items: ItemParts | None = None
    ) -> dict[str, tf.Tensor]:
        """`{field: [num_candidates, width]}`: the ranker's and, with a graph, those of encoder or static vectors."""
        if self.projection is None or GRAPH_FIELDS[0] in represented.fields:
            return dict(represented.fields)
        from_graph = graph_fields(graph, represented.states, self.projection, self._item_edge_sets, items)
        return {**represented.fields, **from_graph}

    def rank(self, fields: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """Logits of all tasks from the candidates' fields; of several members, of what they predict together."""
        logits = self.member_logits(fields, training=training)
        return {task: self._task_losses[task].of_members(of_task) for task, of_task in logits.items()}

    def member_logits(self, fields: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """What losses are of: `{task: [num_candidates]}`, of several members `{task: [members, num_candidates]}`."""
        graph_vector = None
        if self.projection is not None:
            graph_vector = tf.concat([fields[name] for name in GRAPH_FIELDS], axis=1)
        logits = self.towers(self.field_fusion(fields), graph_vector=graph_vector, training=training)
        if self.match_logits is None or MATCH_SUMS not in fields:
            return logits
        matched = self.match_logits(fields[MATCH_SUMS])
        return {task: of_task + matched[task] for task, of_task in logits.items()}

    def task_loss_sums(
        self, graph: tfgnn.GraphTensor, logits: Mapping[str, tf.Tensor], labels: Labels
    ) -> dict[str, LossSum]:
        """The unweighted losses of the tasks. Labels are `{label: [num_candidates]}`."""
        features = graph.node_sets[READOUT].get_features_dict()
        return {task: loss.loss(logits[task], labels, features) for task, loss in self._task_losses.items()}

    def auto_encoder_loss_sum(self, graph: tfgnn.GraphTensor, represented: Represented) -> LossSum:
        """The unweighted loss of the auto-encoder."""
        return self.auto_encoder(represented.masked_states, represented.masks, graph, self.projection)

    def loss_sums(self, graph: tfgnn.GraphTensor, labels: Labels, represented: Represented) -> dict[str, LossSum]:
        """The unweighted losses of this phase in training, in the order of `loss_names`."""
        losses: dict[str, LossSum] = {}
        if self._phase == "ranking":
            fields = self.fields(graph, represented)
            losses = self.task_loss_sums(graph, self._training_rank(fields, training=True), labels)
            if self.retrieval is not None:
                losses[RETRIEVAL] = self.retrieval(graph, fields, labels, training=True)
        if AUTO_ENCODER in self.loss_names:
            losses[AUTO_ENCODER] = self.auto_encoder_loss_sum(graph, represented)
        if LINK_PREDICTION in self.loss_names:
            losses[LINK_PREDICTION] = self.link_prediction(
                graph, represented.states, represented.held_out, self.projection
            )
        return losses

    def loss_weights(self) -> dict[str, tf.Tensor]:
        """The weight of each of this phase's losses, `{loss name: scalar}`."""
        if self._phase == "pretraining":
            return {name: tf.constant(1.0) for name in self.loss_names}
        weights = tf.unstack(tf.convert_to_tensor(self.balancer.weights))
        return dict(zip(self.balancer.loss_names, weights, strict=True))

    @_without_autograph
    def train_step(self, data: tuple[tfgnn.GraphTensor, Labels]) -> dict[str, tf.Tensor]:
        """One step on (graph, labels): on each replica the step of all their batches together.

        Returns:
          Of the whole batch, equal on all replicas: `loss`, the weighted sum, `loss/<name>`, the `weight/<name>` used,
          and with a LossScaleOptimizer `skipped`, 1 where gradients were not finite and nothing was learned.
        """
        graph, labels = data
        step = StepGradients(
            represent=lambda: self._represent_for_step(graph),
            losses=lambda represented: self.loss_sums(graph, labels, represented),
        )
        weights = self.loss_weights()
        weight_values = tf.stack(list(weights.values()))
        report = {"loss": tf.reduce_sum(weight_values * step.losses)}
        report |= {f"loss/{name}": loss for name, loss in zip(weights, tf.unstack(step.losses), strict=True)}
        report |= {f"weight/{name}": weight for name, weight in weights.items()}
        finite = self._minimise(step, weight_values)
        if RETRIEVAL in self.loss_names:
            self.retrieval.observe(graph, labels)
        return report | ({"skipped": 1.0 - tf.cast(finite, tf.float32)} if self._update.scales_loss else {})

    def _minimise(self, step: StepGradients, weights: tf.Tensor) -> tf.Tensor:
        """Updates all variables and the balancer; returns whether the gradients were finite."""
        inputs, heads = self.input_and_head_variables()
        scale = self._update.loss_scale()
        gradients = step.of_weighted_sum(weights * scale, inputs=inputs, heads=heads)
        if self._phase == "pretraining":
            return self._update.apply(gradients, [*inputs, *heads])
        losses = tf.where(step.present, step.losses, float("nan"))
        norms = step.norms(self.shared_kernels, due=self.balancer.gradient_norms_due(), scale=scale)
        own_gradients = self.balancer.own_gradients(losses)
        finite = self._update.apply(gradients, [*inputs, *heads], unscaled=own_gradients)
        self.balancer.update(tf.where(finite, losses, float("nan")), norms)
        return finite

    def _represent_for_step(self, graph: tfgnn.GraphTensor) -> Represented:
        if not self._encoder_frozen or self.static_vectors is not None:
            return self.represent(graph, training=True)
        graph = self._without_unknown_ids(graph, training=True)
        inputs = self.encoder.inputs(graph, training=False)
        states = self._propagate(inputs, training=False)
        states = {name: tf.stop_gradient(state) for name, state in states.items()}
        fields = self.ranker_fields(graph, training=True) | self._matched(graph, inputs, states, training=True)
        return Represented(states, states, {}, fields)

    def input_and_head_variables(self) -> tuple[list[tf.Variable], list[tf.Variable]]:
        """The trainable variables before and after the represented batch."""
        parts = [
            part for part in (self.ranker_fields, self.encoder, self.static_vectors, self.match) if part is not None
        ]
        inputs = [variable for part in parts for variable in part.trainable_variables]
        refs = {variable.ref() for variable in inputs}
        return inputs, [variable for variable in self.trainable_variables if variable.ref() not in refs]


def _match_logits(match: CandidateMatch | None, tasks: Mapping[str, TaskLoss]) -> MatchLogits | None:
    if match is None:
        return None
    return MatchLogits(tasks=list(tasks), initial_weights=match.initial_weights, name="match_logits")
