"""What a run's records say of each candidate without a graph, as a table: for peers that learn from tables."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.config import RunConfig, load_tables_config
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.data.parsed_records import parse_merged, read_records
from tfgrec.data.prediction_rows import PredictionRows
from tfgrec.graph.schema import ID, READOUT, TIME, USER_READOUT, EdgeSet, Feature, GraphSchema, NodeSet
from tfgrec.model.features.smoothed_rates import SmoothedRates, resolve_rates

_BATCH_SIZE = 1024


class RecordFeatures:
    """Reads one row a candidate off records: the request's features and rates, the user's and the item's features.

    Left out: ids, labels, and features with several values. Texts are categories.

    Args:
      config: of the run.
      examples: the run's records.
    """

    def __init__(self, config: RunConfig, examples: ExamplesDirectory) -> None:
        self._examples = examples
        labels = {f"label/{name}": task.label for name, task in config.model.tasks.items()}
        self._rows = PredictionRows(examples.schema, labels=labels, scenario=None)
        all_labels = config.model.all_labels(load_tables_config(config.schema_dir).requests.labels)
        self._schema = _root_schema(examples.schema, without=all_labels)
        self._rates = SmoothedRates(rates=resolve_rates(config.model.rates, examples.statistics))
        self._rate_names = list(config.model.rates)
        spec = graph_tensor_spec(self._schema)
        self._read = tf.function(lambda serialized: self._columns(parse_merged(spec, serialized)), autograph=False)

    def read(self, split: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Features and rows of a split, one a candidate each: what peers read, and predictions.parquet's columns."""
        features, rows = [], []
        for serialized in read_records(self._examples.split(split).records).batch(_BATCH_SIZE):
            rows.append(self._rows.read(serialized))
            found = {name: values.numpy() for name, values in self._read(serialized).items()}
            features.append(pd.DataFrame(found))
        return pd.concat(features, ignore_index=True), pd.concat(rows, ignore_index=True)

    def _columns(self, graph: tfgnn.GraphTensor) -> dict[str, tf.Tensor]:
        readout = graph.node_sets[READOUT].get_features_dict()
        size = graph.node_sets[READOUT].total_size
        columns = {name: readout[name] for name in self._schema.node_sets[READOUT].features if name != ID}
        if self._rate_names:
            rates = tf.unstack(self._rates(columns), num=len(self._rate_names), axis=1)
            columns |= dict(zip(self._rate_names, rates, strict=True))
        for name, edges in self._schema.edge_sets.items():
            adjacency = graph.edge_sets[name].adjacency
            nodes = graph.node_sets[edges.source]
            for feature in self._schema.node_sets[edges.source].features:
                values = tf.gather(nodes[feature], adjacency.source)
                columns[f"{name}.{feature}"] = _by_candidate(values, adjacency.target, size)
        return columns


def numbered_categories(features: pd.DataFrame) -> pd.DataFrame:
    """The table with each column of texts as a category of their numbers."""
    texts = [name for name in features.columns if features[name].dtype == object]
    codes = {name: pd.Categorical(pd.factorize(features[name])[0]) for name in texts}
    return features.assign(**codes)


def _root_schema(schema: GraphSchema, *, without: Collection[str]) -> GraphSchema:
    """Candidates and the nodes that they are tied to, with their features of one value."""
    readouts = [USER_READOUT, *schema.item_readouts().values()]
    edge_sets = {name: EdgeSet(schema.edge_sets[name].source, READOUT, {}) for name in readouts}
    node_sets = {
        name: NodeSet(_readable(schema.node_sets[name].features, without if name == READOUT else {ID, TIME}))
        for name in [READOUT, *{edges.source for edges in edge_sets.values()}]
    }
    return GraphSchema(context={TIME: schema.context[TIME]}, node_sets=node_sets, edge_sets=edge_sets)


def _readable(features: dict[str, Feature], without: Any) -> dict[str, Feature]:
    return {name: feature for name, feature in features.items() if not feature.multi_valued and name not in without}


def _by_candidate(values: tf.Tensor, candidates: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Values `[num_ties]` at their candidates, `[size]`: NaN or empty where a candidate has none."""
    if values.dtype == tf.string:
        return tf.tensor_scatter_nd_update(tf.fill([size], ""), candidates[:, tf.newaxis], values)
    missing = tf.fill([size], np.float32(np.nan))
    return tf.tensor_scatter_nd_update(missing, candidates[:, tf.newaxis], tf.cast(values, tf.float32))
