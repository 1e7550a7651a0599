"""What each variable of a model means, told so that another model can find out which of them it may take over.

A variable's name is its path from the model, as checkpoints have it. Two variables of one name mean the same if they
are described alike: by the features and the task that they work for, and by what the positions along an axis stand for
where statistics decide that (rows of embedding tables, outputs of decoders).
"""

import dataclasses
import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from tfgrec.config.model import ModelConfig
    from tfgrec.model.joint_model import JointModel

# Statistics of newer records give other vocabularies and constants to a feature that means the same.
_FROM_STATISTICS = {
    *("vocabulary", "knots", "scores", "bin_edges", "prior"),
    *("mean", "standard_deviation", "log_mean", "log_standard_deviation"),
}
_OF_TRAINING = {"dropout", "unknown_row", "absent_is_nothing"}
_OF_EVERY_LAYER = {"name", "trainable", "dtype"}
_OF_THE_LOSS = {"loss", "huber_delta", "sample_weight", "weight"}


def variables_by_path(model: tf.keras.Model) -> dict[str, tf.Variable]:
    """The variables of a built model by their names in checkpoints, the model's own name left out."""
    own = {id(variable) for variable in model.variables}
    return {path: node for path, node in _nodes(model) if id(node) in own}


def checkpoint_key(path: str) -> str:
    """The key of a variable in the checkpoints of `tfgrec.training.checkpoints`."""
    return f"model/{path}/.ATTRIBUTES/VARIABLE_VALUE"


def meanings_of(model: "JointModel", config: "ModelConfig") -> dict[str, Any]:
    """All that is to be known of a model's variables besides their names and shapes, as JSON values.

    Returns:
      `axes`: by a variable's name the `axis` that has names, and its `parts`, see `tfgrec.model.features.named_axes`;
      `descriptions`: by a name, or a beginning of names, what these variables work for.
    """
    names = {id(variable): path for path, variable in variables_by_path(model).items()}
    axes = [axis for _, node in _nodes(model) for axis in getattr(node, "named_axes", ())]
    meanings = {
        "axes": {
            names[id(axis.variable)]: {"axis": axis.axis, "parts": [dataclasses.asdict(part) for part in axis.parts]}
            for axis in axes
        },
        "descriptions": _descriptions(model, config),
    }
    # Equal to what is read from a file.
    return json.loads(json.dumps(meanings))


def _nodes(model: tf.keras.Model) -> Iterator[tuple[str, Any]]:
    """All that a model keeps track of with the shortest path to each, as checkpoints find them."""
    # Kept, so that no other object takes the identity of one that has been seen.
    seen, waiting = {id(model): model}, deque([("", model)])
    while waiting:
        path, node = waiting.popleft()
        yield path, node
        for name, child in tf.train.TrackableView.children(node).items():
            if id(child) not in seen:
                seen[id(child)] = child
                waiting.append((f"{path}/{_escaped(name)}" if path else _escaped(name), child))


def _escaped(name: str) -> str:
    # As checkpoints do it.
    return name.replace(".", "..").replace("/", ".S")


def _descriptions(model: "JointModel", config: "ModelConfig") -> dict[str, Any]:
    ranker = _description(model.ranker_fields)
    fused = {"ranker": ranker, "fusion": _description(model.field_fusion)}
    if model.match is not None:
        # Channels are told apart by their order. Rows of tied vectors are hashes, which always mean the same.
        fused["match"] = {**_description(model.match), "factors": _fitted_alike(config)}
    described: dict[str, Any] = {"field_fusion/_gates": fused, "towers": fused}
    if model.match is not None:
        described["match/_attention"] = described["match_logits"] = fused["match"]
    for edge_set, specs in ranker["items"].items():
        described[f"ranker_fields/_item_projections/{_escaped(edge_set)}"] = specs
    for task, values in config.tasks.items():
        described[f"towers/_towers/{_escaped(task)}"] = values.model_dump(mode="json", exclude=_OF_THE_LOSS)
    if model.retrieval is not None:
        towers = _description(model.retrieval)
        # Sizes show in shapes.
        del towers["config"]
        described["retrieval"] = {**fused, **towers, "positive": config.retrieval.positive}
    if model.static_vectors is not None:
        described["static_vectors"] = model.static_vectors.rows_digest
    if model.match is not None and model.match.factors is not None:
        described["match/_factors"] = model.match.factors.meaning
    if model.encoder is not None:
        encoder = _description(model.encoder)
        for node_set, specs in encoder["specs"].items():
            described[f"encoder/_initial_states/_projections/{_escaped(node_set)}"] = specs
        messages = {name: encoder["config"][name] for name in ("update", "attention_heads")}
        described["encoder/_updates"] = {**messages, "edges": encoder["edge_inputs"]}
    return described


def _fitted_alike(config: "ModelConfig") -> Any:
    """What the numbers of the match by factors mean to those who read them: refits make others of the same kind."""
    factors = config.match.factors
    return None if factors is None else factors.model_dump(mode="json", exclude={"refits"})


def _description(layer: tf.keras.layers.Layer) -> dict[str, Any]:
    """A layer's config without what makes no difference to what its variables mean."""
    return {name: _lasting(value) for name, value in layer.get_config().items() if name not in _OF_EVERY_LAYER}


def _lasting(values: Any) -> Any:
    if isinstance(values, list):
        return [_lasting(value) for value in values]
    if not isinstance(values, Mapping):
        return values
    left_out = _FROM_STATISTICS | _OF_TRAINING
    # A feature may be called so, too.
    kept = {name: value for name, value in values.items() if name not in left_out or isinstance(value, Mapping)}
    return {name: _lasting(value) for name, value in kept.items()}
