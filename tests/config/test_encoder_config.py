"""No key of the encoder is ignored: each is honoured, or refused with a message that names it."""

import pytest
from pydantic import ValidationError

from tfgrec.config.model import EncoderConfig, ModelConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"update": "hgt", "message_units": 8}, "message_units: messages of hgt are as wide as states"),
        ({"update": "hgt", "residual": False}, "residual: hgt always has its own residual link"),
        ({"update": "mt_albis", "attention_heads": 2}, "attention_heads: mt_albis has no attention"),
        ({"update": "mpnn", "attention_heads": 2}, "attention_heads: mpnn has no attention"),
        ({"update": "graph_sage", "attention_heads": 2}, "attention_heads: graph_sage has no attention"),
        ({"update": "graph_sage", "edge_dropout": 0.1}, "edge_dropout: graph_sage drops no edges, received 0.1"),
        ({"update": "hgt", "edge_dropout": 0.1}, "edge_dropout: hgt drops no edges"),
        ({"update": "mpnn", "edge_dropout": 0.1}, "edge_dropout: mpnn drops no edges"),
        ({"update": "hgt", "units": 10}, r"units: hgt needs a multiple of attention_heads \(4\), received 10"),
        (
            {"update": "gat_v2", "message_units": 9, "attention_heads": 2},
            r"message_units: gat_v2 needs a multiple of attention_heads \(2\), received 9",
        ),
    ],
)
def test_a_key_that_an_update_has_no_place_for_is_refused(changes, message) -> None:
    with pytest.raises(ValidationError, match=message):
        EncoderConfig(**changes)


@pytest.mark.parametrize("update", ["mt_albis", "graph_sage", "gat_v2", "hgt", "mpnn"])
def test_every_update_takes_the_defaults(update) -> None:
    config = EncoderConfig(update=update)
    assert config.message_width == config.units == 64


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"kind": "hashed", "buckets": 7, "table": "author"}, "buckets is 7 here and 50000 there"),
        ({"kind": "hashed", "dimension": 4, "table": "author"}, "dimension is 4 here and 16 there"),
        ({"kind": "categorical", "table": "author"}, "kind is categorical here and hashed there"),
    ],
)
def test_features_that_share_a_table_have_to_agree(second, message) -> None:
    features = {"video": {"author": {"kind": "hashed", "table": "author"}}, "author": {"#id": second}}
    with pytest.raises(ValidationError, match=f"author.#id and video.author share table 'author', but {message}"):
        ModelConfig(features=features, tasks={"click": {"label": "click"}})


def test_sharing_features_may_differ_in_dropout_and_combiner() -> None:
    hashed = {"kind": "hashed", "table": "author"}
    features = {"video": {"author": {**hashed, "combiner": "sum"}}, "author": {"#id": {**hashed, "dropout": 0.5}}}
    ModelConfig(features=features, tasks={"click": {"label": "click"}})
