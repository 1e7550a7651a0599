"""Builds the joint model of an arm from the configuration, the records' schema and the statistics."""

from collections.abc import Collection, Mapping
from typing import Any

from tfgrec.config.model import BalancingConfig, ModelConfig
from tfgrec.config.run import Arm
from tfgrec.errors import ConfigurationError
from tfgrec.graph.schema import ID, READOUT, Feature, GraphSchema
from tfgrec.model.auto_encoder import FeatureAutoEncoder
from tfgrec.model.blank_graph import blank_graph
from tfgrec.model.configuration_checks import check_model_config
from tfgrec.model.edge_inputs import resolve_edge_inputs
from tfgrec.model.encoder import GraphEncoder
from tfgrec.model.feature_specs import FeatureSpec, Statistics, resolve_specs
from tfgrec.model.fusion import FieldGate
from tfgrec.model.gradnorm import GradNorm
from tfgrec.model.graph_fields import GRAPH_FIELDS
from tfgrec.model.joint_model import AUTO_ENCODER, JointModel
from tfgrec.model.loss_weights import FixedWeights
from tfgrec.model.ranker_fields import RankerFields
from tfgrec.model.reconstruction_targets import reconstruction_targets
from tfgrec.model.shared_projection import SharedProjection
from tfgrec.model.smoothed_rates import resolve_rates
from tfgrec.model.task_losses import TaskLoss, initial_logit
from tfgrec.model.towers import RankingTowers

Specs = dict[str, dict[str, FeatureSpec]]


def build_joint_model(
    *,
    config: ModelConfig,
    schema: GraphSchema,
    statistics: Statistics,
    arm: Arm,
    labels: Collection[str] | None = None,
) -> JointModel:
    """Builds an arm's model, with all its variables created.

    Args:
      config: The model's configuration.
      schema: The schema of the records (not of the whole store).
      statistics: The graph store's statistics and the training records' of `_readout`.
      arm: "joint"; "two_stage" (starts in phase "pretraining", see JointModel.freeze_encoder); or "no_graph".
      labels: All labels among the `_readout` features. None of them becomes a request feature, whether a task learns
        it or not. Without it, the tasks' labels.

    Raises:
      ConfigurationError: The configuration does not fit the schema or the statistics.
    """
    all_labels = {task.label for task in config.tasks.values()} | set(labels or ())
    check_model_config(config, schema, all_labels, arm)
    specs = _resolve_all_specs(config, schema, statistics, all_labels)
    with_graph = arm != "no_graph"
    auto_encoder = _auto_encoder(config, specs, statistics) if with_graph else None
    if arm == "two_stage" and auto_encoder is None:
        raise ConfigurationError("arm two_stage: no node set has a feature that the auto-encoder could rebuild")
    ranker_fields = _ranker_fields(config, schema, statistics, specs)
    outputs = _read_node_sets(schema, auto_encoder)
    model = JointModel(
        ranker_fields=ranker_fields,
        towers=RankingTowers(
            initial_logits={
                name: initial_logit(task, statistics.get(READOUT, {}).get(task.label))
                for name, task in config.tasks.items()
            },
            graph_gate=with_graph and config.fusion.representation_level == "gate",
            config=config.towers,
            name="towers",
        ),
        task_losses={name: TaskLoss(name=name, config=task) for name, task in config.tasks.items()},
        balancer=_balancer(config, with_auto_encoder=arm == "joint" and auto_encoder is not None),
        field_gate=_field_gate(config, ranker_fields.field_names, with_graph),
        encoder=_encoder(config, schema, statistics, specs, outputs, auto_encoder) if with_graph else None,
        projection=SharedProjection(node_sets=outputs, units=config.encoder.units) if with_graph else None,
        auto_encoder=auto_encoder,
        mask_rate=config.auto_encoder.mask_rate,
        feature_fusion=config.fusion.feature_level != "none",
        item_edge_sets=_item_edge_sets(schema),
        phase="pretraining" if arm == "two_stage" else "ranking",
    )
    model.create_variables(blank_graph(schema, without=all_labels))
    return model


def _resolve_all_specs(
    config: ModelConfig, schema: GraphSchema, statistics: Statistics, labels: Collection[str]
) -> Specs:
    def readable(node_set: str) -> dict[str, Feature]:
        features = schema.node_sets[node_set].features
        return {name: feature for name, feature in features.items() if node_set != READOUT or name not in labels}

    return {
        name: resolve_specs(
            node_set=name,
            features=readable(name),
            encodings=config.features.get(name, {}),
            statistics=statistics,
        )
        for name in schema.node_sets
    }


def _item_edge_sets(schema: GraphSchema) -> list[str]:
    return sorted(schema.item_readouts().values())


def _ranker_fields(config: ModelConfig, schema: GraphSchema, statistics: Statistics, specs: Specs) -> RankerFields:
    return RankerFields(
        user=specs[schema.edge_sets[f"{READOUT}/user"].source],
        items={name: specs[schema.edge_sets[name].source] for name in _item_edge_sets(schema)},
        request={name: spec for name, spec in specs[READOUT].items() if name != ID},
        rates=resolve_rates(config.rates, statistics),
        name="ranker_fields",
    )


def _auto_encoder(config: ModelConfig, specs: Specs, statistics: Statistics) -> FeatureAutoEncoder | None:
    if not config.auto_encoder.enabled:
        return None
    stored = {name: of_node_set for name, of_node_set in specs.items() if name != READOUT}
    targets = reconstruction_targets(stored, statistics)
    if not targets:
        return None
    return FeatureAutoEncoder(
        targets=targets,
        numeric_loss=config.auto_encoder.numeric_loss,
        cosine_power=config.auto_encoder.cosine_power,
        name=AUTO_ENCODER,
    )


def _read_node_sets(schema: GraphSchema, auto_encoder: FeatureAutoEncoder | None) -> list[str]:
    """The node sets whose encoded states ranking or the auto-encoder reads."""
    roots = [schema.edge_sets[name].source for name in (f"{READOUT}/user", *_item_edge_sets(schema))]
    return sorted({*roots, *(auto_encoder.node_sets if auto_encoder else ())})


def _encoder(
    config: ModelConfig,
    schema: GraphSchema,
    statistics: Statistics,
    specs: Specs,
    outputs: list[str],
    auto_encoder: FeatureAutoEncoder | None,
) -> GraphEncoder:
    return GraphEncoder(
        specs={name: of_node_set for name, of_node_set in specs.items() if name != READOUT},
        edge_inputs=resolve_edge_inputs(schema.stored_edge_sets, statistics),
        receivers=sorted({edges.source for edges in schema.stored_edge_sets.values()}),
        masked=[] if auto_encoder is None else auto_encoder.node_sets,
        outputs=outputs,
        config=config.encoder,
        name="encoder",
    )


def _field_gate(config: ModelConfig, ranker_fields: list[str], with_graph: bool) -> FieldGate | None:
    # Without a graph the gate still weighs the ranker's own fields, so that the arms differ by the graph alone.
    if config.fusion.feature_level == "concat":
        return None
    read = with_graph and config.fusion.feature_level == "gate"
    return FieldGate(ranker_fields=ranker_fields, graph_fields=GRAPH_FIELDS if read else (), name="field_gate")


def _balancer(config: ModelConfig, *, with_auto_encoder: bool) -> GradNorm | FixedWeights:
    weights = {name: task.weight for name, task in config.tasks.items()}
    if with_auto_encoder:
        weights[AUTO_ENCODER] = config.balancing.auto_encoder_weight
    balancing: BalancingConfig = config.balancing
    common: Mapping[str, Any] = {"names": list(weights), "initial_weights": list(weights.values())}
    if balancing.method == "fixed":
        return FixedWeights(**common)
    return GradNorm(config=balancing, capped=AUTO_ENCODER, **common)
