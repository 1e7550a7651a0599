"""The list of what gives the ranker further fields, beside what RankerFields reads of user, item and request."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfgrec.config.model import ModelConfig
from tfgrec.graph.schema import GraphSchema

Provider = Callable[[ModelConfig, GraphSchema, Mapping[str, Any]], tf.keras.layers.Layer | None]
"""Of the configuration, the schema of the records and the statistics of the training split: a layer that is called as
RankerFields is and has its `field_names` and `id_tables`, or None where the configuration asks for none."""

FIELD_PROVIDERS: tuple[Provider, ...] = ()
"""Of all arms, `no_graph` included. A field that is of the item alone has to be read by `item_part`, so that
`rank_cached` gets it from a cache."""


def make_providers(
    config: ModelConfig, schema: GraphSchema, statistics: Mapping[str, Any]
) -> list[tf.keras.layers.Layer]:
    """The layers of all providers that the configuration asks for."""
    made = (provider(config, schema, statistics) for provider in FIELD_PROVIDERS)
    return [layer for layer in made if layer is not None]
