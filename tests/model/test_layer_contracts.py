"""What every layer keeps: keyword-only constructors, shapes in the docstring, a configuration that makes it again.

Models with different parts are run on ragged, empty and single requests. Each layer that is called on the way is made
again from its configuration, given the weights, and has to compute the same from the same inputs.
"""

import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_gnn as tfgnn

import tfgrec.model.build  # noqa: F401  (registers the layers)
from tfgrec.model.encoder.state_normalization import NodeBatchNormalization
from tfgrec.model.match.factor_match import FactorMatch

Layer = tf.keras.layers.Layer

GRAPHS: dict[str, dict[str, Any]] = {
    "ragged requests": {"num_requests": 3, "candidates": [1, 0, 7]},
    "one request": {"num_requests": 1, "candidates": [1]},
    "no edges": {"num_requests": 2, "without_edges": ["watched", "watched_by", "made_by"]},
    "no videos, so none of the candidates": {"num_requests": 2, "without_nodes": ["video"]},
}
_HASHED = {"kind": "hashed", "dimension": 4, "buckets": 100, "table": "ids"}
_TOWERS = {"bottom_units": [16, 8], "task_units": [8], "dropout": 0.0}
MODELS: dict[str, dict[str, Any]] = {
    "plain": {
        "features": {"author": {"#id": {"kind": "categorical"}}},
        "encoder": {"units": 16, "dropout": 0.0},
        "towers": {**_TOWERS, "cross_layers": 1, "bottom": "ple", "experts": 2},
        "retrieval": {"positive": "click", "units": 8, "query_features": ["hour"], "item_features": ["shown"]},
    },
    "other parts": {
        "features": {
            "user": {"#id": _HASHED, "age": {"kind": "time_of", "encoding": "embedded"}},
            "video": {"#id": _HASHED, "duration": {"kind": "numeric", "transforms": ["log", "quantile"]}},
            "_readout": {"shown": {"kind": "numeric", "transforms": ["standard"]}, "hour": {"kind": "time_of"}},
        },
        "numeric_transforms": ["log", "piecewise"],
        "encoder": {"update": "graph_sage", "units": 16, "rounds": 1, "normalization": "batch", "dropout": 0.0},
        "auto_encoder": {"decoder": "graph_update", "numeric_loss": "scaled_cosine"},
        "towers": {**_TOWERS, "bottom": "mmoe", "experts": 2, "bottom_units": [8], "cross_projection": 4},
        "fusion": {"match": "attention"},
        "match": {"dimension": 4, "buckets": 100, "dropout": 0.0, "keys": {"video": ["kind", "tags"]}},
    },
    "two stages": {
        "arm": "two_stage",
        "pretraining": {"objective": "link_prediction", "vectors": "fine_tuned"},
        "static_rows": {"user": {"ids": list(range(50)), "refreshes": [0] * 50}},
        "features": {},
        "encoder": {"units": 16, "rounds": 1, "dropout": 0.0},
        "towers": {**_TOWERS, "cross_layers": 0, "members": 2, "bottom": "mmoe", "experts": 2},
    },
}


class Call(NamedTuple):
    """What a layer was given and what it made of it."""

    layer: Layer
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    outputs: Any


def registered_layers() -> dict[str, type[Layer]]:
    """The layers of tfgrec.model, by name."""
    objects = tf.keras.utils.get_custom_objects().items()
    return {name: of for name, of in objects if name.startswith("tfgrec>") and of.__module__.startswith("tfgrec.model")}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Call]]:
    """The calls of registered layers, as they happen."""
    made: list[Call] = []
    call, known = Layer.__call__, set(registered_layers().values())

    def recorded(layer: Layer, *arguments: Any, **options: Any) -> Any:
        outputs = call(layer, *arguments, **options)
        if type(layer) in known:
            made.append(Call(layer, arguments, options, outputs))
        return outputs

    with monkeypatch.context() as patch:
        patch.setattr(Layer, "__call__", recorded)
        yield made


def run(model: Any, graph: tfgnn.GraphTensor) -> None:
    """Trains the auto-encoder or link prediction and, if there is one, the retrieval; then ranks."""
    model.encoder(graph, training=True)
    represented = model.represent(graph, training=True)
    if model.auto_encoder is not None:
        assert np.isfinite(model.auto_encoder_loss_sum(graph, represented).total)
    if model.link_prediction is not None:
        loss = model.link_prediction(graph, represented.states, represented.held_out, model.projection)
        assert np.isfinite(loss.total)
    if model.retrieval is not None:
        clicks = tf.cast(tf.range(graph.node_sets["_readout"].total_size) % 2, tf.float32)
        assert np.isfinite(model.retrieval(graph, model.fields(graph, represented), {"click": clicks}).total)
    model.encoder(graph)
    logits = model(graph)
    assert all(np.all(np.isfinite(values)) for values in logits.values())
    assert {values.shape[0] for values in logits.values()} == {int(graph.node_sets["_readout"].total_size)}


def assert_equal(outputs: Any, expected: Any, of: str) -> None:
    ours, theirs = (tf.nest.flatten(value, expand_composites=True) for value in (outputs, expected))
    for our, their in zip(ours, theirs, strict=True):
        if their.dtype.is_floating:
            np.testing.assert_allclose(our, their, atol=1e-5, err_msg=of)
        else:
            np.testing.assert_array_equal(our, their, err_msg=of)


@pytest.mark.slow
def test_a_layer_made_again_from_its_configuration_computes_the_same(build, graph, calls) -> None:
    met: set[type[Layer]] = set()
    for changes in MODELS.values():
        model = build(**changes)
        copies: dict[int, Layer] = {}
        for name, shape in GRAPHS.items():
            calls.clear()
            run(model, graph(**shape))
            for of_layer in by_layer(calls):
                layer = of_layer[0].layer
                copy = copies.setdefault(id(layer), type(layer).from_config(layer.get_config()))
                compare(layer, copy, of_layer, name)
                met.add(type(layer))
    # It reads histories, which these graphs have none of: tests/model/match/test_factor_match.py makes it again.
    missing = set(registered_layers().values()) - met - {FactorMatch}
    assert not missing, f"give MODELS a configuration with {missing}"


def by_layer(calls: list[Call]) -> list[list[Call]]:
    of_layers: dict[int, list[Call]] = {}
    for call in list(calls):
        of_layers.setdefault(id(call.layer), []).append(call)
    return list(of_layers.values())


def compare(layer: Layer, copy: Layer, calls: list[Call], graph: str) -> None:
    """Gives the copy the layer's weights, and the inputs of its calls."""
    if not copy.built or len(copy.weights) < len(layer.weights):
        # Some variables are created in training alone, some at the call for their node set.
        for call in calls:
            copy(*call.arguments, **call.options)
    copy.set_weights(layer.get_weights())
    for call in calls:
        if not (call.options.get("training") and moves(layer)):
            outputs = copy(*call.arguments, **call.options)
            assert_equal(outputs, call.outputs, f"{type(layer).__name__}, {graph}")


def moves(layer: Layer) -> bool:
    """Whether the layer changes variables by being called in training."""
    return any(isinstance(part, NodeBatchNormalization) for part in (layer, *layer.submodules))


@pytest.mark.parametrize("name", sorted(registered_layers()))
def test_constructors_take_keywords_alone_and_docstrings_tell_the_shapes(name: str) -> None:
    layer = registered_layers()[name]
    if "__init__" in vars(layer):
        _, *parameters = inspect.signature(layer.__init__).parameters.values()
        kinds = {parameter.kind for parameter in parameters}
        assert kinds <= {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}
    assert "Call: " in layer.__doc__ and "->" in layer.__doc__
