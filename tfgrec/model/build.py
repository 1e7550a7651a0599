"""Builds the joint model of an arm from the configuration, the records' schema and the statistics."""

from collections.abc import Collection, Mapping
from typing import Any

from tfgrec.config.model import BalancingConfig, ModelConfig
from tfgrec.config.run import Arm, PretrainingConfig
from tfgrec.errors import ConfigurationError
from tfgrec.factors.item_factors import ItemFactors
from tfgrec.graph.schema import ID, READOUT, Feature, GraphSchema, is_history
from tfgrec.model.auto_encoder.feature_auto_encoder import FeatureAutoEncoder
from tfgrec.model.auto_encoder.reconstruction_targets import reconstruction_targets
from tfgrec.model.balancing.balancer import Balancer
from tfgrec.model.balancing.fixed_weights import FixedWeights, recorded_weights_of
from tfgrec.model.balancing.gradnorm import GradNorm
from tfgrec.model.balancing.uncertainty_weights import UncertaintyWeights
from tfgrec.model.blank_graph import blank_graph
from tfgrec.model.configuration_checks import (
    PRETRAINED_ARMS,
    arm_problems,
    check_model_config,
    link_edge_sets,
    raise_problems,
)
from tfgrec.model.encoder.edge_inputs import resolve_edge_inputs
from tfgrec.model.encoder.graph_encoder import GraphEncoder
from tfgrec.model.encoder.shared_projection import SharedProjection
from tfgrec.model.features.feature_specs import FeatureSpec, Statistics, resolve_specs, with_unknown_rows
from tfgrec.model.features.shared_tables import with_shared_tables
from tfgrec.model.features.smoothed_rates import resolve_rates
from tfgrec.model.fusion.field_fusion import FieldFusion
from tfgrec.model.fusion.field_providers import make_providers
from tfgrec.model.fusion.graph_fields import GRAPH_FIELDS
from tfgrec.model.fusion.ranker_fields import RankerFields
from tfgrec.model.joint_model import AUTO_ENCODER, JointModel
from tfgrec.model.match.candidate_match import MATCH, CandidateMatch
from tfgrec.model.match.factor_match import factor_match
from tfgrec.model.match.match_sources import candidate_keys, match_sources
from tfgrec.model.pretraining.encoder_features import encoder_feature_problems, with_encoder_features
from tfgrec.model.pretraining.link_prediction import LINK_PREDICTION, LinkPrediction
from tfgrec.model.ranking.task_losses import TaskLoss, initial_logit
from tfgrec.model.ranking.towers import RankingTowers
from tfgrec.model.retrieval.build_retrieval import build_retrieval
from tfgrec.model.retrieval.retrieval_task import RETRIEVAL
from tfgrec.model.static_vectors import EmbeddedRows, StaticVectors
from tfgrec.model.unknown_ids import UnknownIds

Specs = dict[str, dict[str, FeatureSpec]]


def build_joint_model(
    *,
    config: ModelConfig,
    schema: GraphSchema,
    statistics: Statistics,
    arm: Arm,
    labels: Collection[str] | None = None,
    pretraining: PretrainingConfig | None = None,
    static_rows: Mapping[str, EmbeddedRows] | None = None,
    item_factors: ItemFactors | None = None,
    unknown_ids: UnknownIds | None = None,
) -> JointModel:
    """Builds an arm's model, with all its variables created.

    Args:
      config: The model's configuration.
      schema: The schema of the records (not of the whole store).
      statistics: The graph store's statistics and the training records' of `_readout`.
      arm: "joint"; "two_stage" or "frozen_encoder" (start in phase "pretraining", see JointModel.freeze_encoder); or
        "no_graph".
      labels: All labels among the `_readout` features. None of them becomes a request feature, whether a task learns
        it or not. Without it, the tasks' labels.
      pretraining: What arms that pre-train an encoder do so on, and what two_stage does with its vectors. Without it,
        the defaults.
      static_rows: Arm two_stage: the nodes that have a vector, see StaticVectors.
      item_factors: Where `model.match.factors` asks for them.
      unknown_ids: Whose ids say nothing, see UnknownIds. With it, hashed values have a learned row for those who have
        none. Without it, all ids say what they say.

    Raises:
      ConfigurationError: The configuration does not fit the schema or the statistics.
    """
    all_labels = config.all_labels(labels or ())
    pretraining = pretraining or PretrainingConfig()
    check_model_config(config, schema, all_labels)
    raise_problems(arm_problems(config, arm, pretraining, schema))
    hides_ids = unknown_ids is not None
    specs = of_encoder = _resolve_all_specs(config, schema, statistics, all_labels, hides_ids)
    with_graph = arm != "no_graph"
    if arm in PRETRAINED_ARMS and pretraining.features:
        raise_problems(encoder_feature_problems(config, pretraining, schema))
        encoder_config = with_encoder_features(config, pretraining)
        of_encoder = _resolve_all_specs(encoder_config, schema, statistics, all_labels, hides_ids)
    link_prediction = _link_prediction(pretraining, schema) if _predicts_links(arm, pretraining) else None
    auto_encoder = _auto_encoder(config, schema, specs, statistics) if with_graph and not link_prediction else None
    if arm in PRETRAINED_ARMS and auto_encoder is None and link_prediction is None:
        raise ConfigurationError(f"arm {arm}: no node set has a feature that the auto-encoder could rebuild")
    ranker_fields = _ranker_fields(config, schema, statistics, specs)
    roots = _root_node_sets(schema)
    projected = sorted({*roots, *(auto_encoder.node_sets if auto_encoder else ())})
    match = None
    if with_graph:
        match = _match(config, schema, statistics, item_factors, static=arm == "two_stage", hides_ids=hides_ids)
    retrieval = None
    if config.retrieval is not None:
        retrieval = build_retrieval(
            config=config.retrieval,
            specs=specs[READOUT],
            item_edge_sets=_item_edge_sets(schema),
            fields=[*ranker_fields.field_names, *(GRAPH_FIELDS if with_graph else ())],
        )
    model = JointModel(
        ranker_fields=ranker_fields,
        field_fusion=_field_fusion(config, [*ranker_fields.field_names, *([MATCH] if match else ())], with_graph),
        towers=RankingTowers(
            initial_logits={
                name: initial_logit(task, statistics.get(READOUT, {})) for name, task in config.tasks.items()
            },
            graph_gate=with_graph and config.fusion.representation_level == "gate",
            config=config.towers,
            name="towers",
        ),
        task_losses={name: TaskLoss(name=name, config=task) for name, task in config.tasks.items()},
        balancer=_balancer(config, with_auto_encoder=arm == "joint" and auto_encoder is not None),
        encoder=_encoder(config, schema, statistics, of_encoder, auto_encoder) if with_graph else None,
        projection=SharedProjection(node_sets=projected, units=config.encoder.units) if with_graph else None,
        auto_encoder=auto_encoder,
        mask_rate=config.auto_encoder.mask_rate,
        second_pass=config.auto_encoder.forward_pass == "second",
        item_edge_sets=_item_edge_sets(schema),
        retrieval=retrieval,
        match=match,
        link_prediction=link_prediction,
        static_vectors=_static_vectors(config, schema, pretraining, static_rows) if arm == "two_stage" else None,
        unknown_ids=unknown_ids,
        phase="pretraining" if arm in PRETRAINED_ARMS else "ranking",
    )
    model.create_variables(blank_graph(schema, without=all_labels))
    return model


def _resolve_all_specs(
    config: ModelConfig, schema: GraphSchema, statistics: Statistics, labels: Collection[str], hides_ids: bool
) -> Specs:
    def readable(node_set: str) -> dict[str, Feature]:
        features = schema.node_sets[node_set].features
        return {name: feature for name, feature in features.items() if node_set != READOUT or name not in labels}

    specs = {
        name: resolve_specs(
            node_set=name,
            features=readable(name),
            encodings=config.features.get(name, {}),
            statistics=statistics,
            numeric_transforms=config.numeric_transforms if name == READOUT else None,
        )
        # Histories have no states and no statistics of their own.
        for name in schema.node_sets
        if not is_history(name)
    }
    return with_shared_tables(with_unknown_rows(specs) if hides_ids else specs, config.features, statistics)


def _item_edge_sets(schema: GraphSchema) -> list[str]:
    return sorted(schema.item_readouts().values())


def _ranker_fields(config: ModelConfig, schema: GraphSchema, statistics: Statistics, specs: Specs) -> RankerFields:
    return RankerFields(
        user=specs[schema.edge_sets[f"{READOUT}/user"].source],
        items={name: specs[schema.edge_sets[name].source] for name in _item_edge_sets(schema)},
        request={name: spec for name, spec in specs[READOUT].items() if name != ID},
        rates=resolve_rates(config.rates, statistics, bins=config.rate_bins),
        providers=make_providers(config, schema, statistics),
        name="ranker_fields",
    )


def _auto_encoder(
    config: ModelConfig, schema: GraphSchema, specs: Specs, statistics: Statistics
) -> FeatureAutoEncoder | None:
    if not config.auto_encoder.enabled:
        return None
    targets = reconstruction_targets(
        {name: of_node_set for name, of_node_set in specs.items() if name != READOUT},
        statistics,
        receivers=_receivers(schema),
        chosen=config.auto_encoder.targets,
        max_classes=config.auto_encoder.max_classes,
    )
    if not targets:
        return None
    return FeatureAutoEncoder(
        targets=targets,
        graph_update=config.encoder if config.auto_encoder.decoder == "graph_update" else None,
        numeric_loss=config.auto_encoder.numeric_loss,
        cosine_power=config.auto_encoder.cosine_power,
        name=AUTO_ENCODER,
    )


def _predicts_links(arm: Arm, pretraining: PretrainingConfig) -> bool:
    return arm in PRETRAINED_ARMS and pretraining.objective == "link_prediction"


def _link_prediction(pretraining: PretrainingConfig, schema: GraphSchema) -> LinkPrediction:
    edge_sets, temperature = link_edge_sets(schema), pretraining.temperature
    return LinkPrediction(edge_sets=edge_sets, temperature=temperature, name=LINK_PREDICTION)


def _static_vectors(
    config: ModelConfig,
    schema: GraphSchema,
    pretraining: PretrainingConfig,
    rows: Mapping[str, EmbeddedRows] | None,
) -> StaticVectors:
    if rows is None:
        raise ValueError("arm two_stage needs static_rows: which nodes have vectors, as of which times")
    return StaticVectors(
        rows=rows,
        id_types={name: schema.node_sets[name].features[ID].dtype for name in _root_node_sets(schema)},
        item_edge_sets=_item_edge_sets(schema),
        units=config.encoder.units,
        fine_tuned=pretraining.vectors == "fine_tuned",
        name="static_vectors",
    )


def _receivers(schema: GraphSchema) -> list[str]:
    """The node sets that some edge set leaves: they receive messages."""
    return sorted({edges.source for edges in schema.stored_edge_sets.values()})


def _root_node_sets(schema: GraphSchema) -> list[str]:
    """The node sets whose encoded states ranking reads."""
    return sorted({schema.edge_sets[name].source for name in (f"{READOUT}/user", *_item_edge_sets(schema))})


def _encoder(
    config: ModelConfig,
    schema: GraphSchema,
    statistics: Statistics,
    specs: Specs,
    auto_encoder: FeatureAutoEncoder | None,
) -> GraphEncoder:
    return GraphEncoder(
        specs={name: of_node_set for name, of_node_set in specs.items() if name != READOUT},
        edge_inputs=resolve_edge_inputs(schema.stored_edge_sets, statistics),
        receivers=_receivers(schema),
        masked=[] if auto_encoder is None else auto_encoder.node_sets,
        outputs=_root_node_sets(schema),
        training_outputs=[] if auto_encoder is None else auto_encoder.node_sets,
        config=config.encoder,
        name="encoder",
    )


def _match(
    config: ModelConfig,
    schema: GraphSchema,
    statistics: Statistics,
    item_factors: ItemFactors | None,
    *,
    static: bool,
    hides_ids: bool,
) -> CandidateMatch | None:
    if config.fusion.match == "none":
        return None
    if config.match.factors is not None and item_factors is None:
        raise ValueError("model.match.factors needs item_factors")
    readouts = schema.item_readouts()
    keys = candidate_keys(schema, config.match)
    sources = match_sources(schema, config.match, statistics)
    if static:
        # Nodes of other sets have no vectors.
        keys = {name: {ID: of[ID]} for name, of in keys.items()}
        sources = [
            source.model_copy(update={"keys": {ID: source.target}}) for source in sources if source.target in keys
        ]
    if not sources:
        if static:
            return None
        raise ConfigurationError(
            f"model.fusion.match: received {config.fusion.match}, but the records hold nothing of the user that "
            "candidates could be matched with: sample edges from users to items (sampling.hops, sampling.history)"
        )
    return CandidateMatch(
        sources=sources,
        candidates={readouts[name]: of for name, of in keys.items()},
        config=config.match,
        attention=config.fusion.match == "attention",
        static=static,
        factors=None if config.match.factors is None else factor_match(config.match.factors, schema, item_factors),
        absent_is_nothing=hides_ids,
        name="match",
    )


def _field_fusion(config: ModelConfig, ranker_fields: list[str], with_graph: bool) -> FieldFusion:
    level = config.fusion.feature_level
    return FieldFusion(
        ranker_fields=ranker_fields,
        graph_fields=GRAPH_FIELDS if with_graph and level != "none" else (),
        graph_units=config.encoder.units,
        # Without a graph the gates still weigh the ranker's own fields, so that the arms differ by the graph alone.
        gated=level != "concat",
        name="field_fusion",
    )


def _balancer(config: ModelConfig, *, with_auto_encoder: bool) -> Balancer:
    weights = {name: task.weight for name, task in config.tasks.items()}
    if config.retrieval is not None:
        weights[RETRIEVAL] = config.retrieval.weight
    if with_auto_encoder:
        weights[AUTO_ENCODER] = config.balancing.auto_encoder_weight
    balancing: BalancingConfig = config.balancing
    common: Mapping[str, Any] = {"names": list(weights), "initial_weights": list(weights.values())}
    if balancing.weights is not None:
        weights = recorded_weights_of(list(weights), balancing.weights, source=balancing.weights_from)
    if balancing.method in ("fixed", "gradnorm_mean"):
        return FixedWeights(names=list(weights), weights=list(weights.values()))
    if balancing.method == "uncertainty":
        return UncertaintyWeights(cap=balancing.auto_encoder_cap, capped=AUTO_ENCODER, **common)
    return GradNorm(config=balancing, capped=AUTO_ENCODER, **common)
