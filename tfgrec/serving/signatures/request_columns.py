"""What a request consists of, column by column: the features of its tf.Example, and the inputs of `rank_dense`."""

import dataclasses
import re
from collections.abc import Iterator, Mapping

import tensorflow as tf

from tfgrec.graph.schema import SIZE, SOURCE, TARGET, Feature, GraphSchema

_DTYPES = {"int64": tf.int64, "float32": tf.float32, "string": tf.string}


@dataclasses.dataclass(frozen=True)
class Column:
    """One column: any number of values a request.

    Attributes:
      feature: its name in tf.Examples, as TF-GNN has it: `nodes/user.age`.
      argument: its name as an input of `rank_dense`: `nodes_user_age`.
      dtype: of its values.
      counted_by: the column that says how many values each request has; None: one.
      summed: whether the sum of a request's values of `counted_by` says so, and not the one value.
    """

    feature: str
    argument: str
    dtype: tf.DType
    counted_by: str | None
    summed: bool = False


Values = Mapping[str, tf.RaggedTensor]
"""`{feature: [num_requests, (num_values)]}`."""


def request_columns(schema: GraphSchema) -> dict[str, Column]:
    """All columns of requests of a schema, by their names in tf.Examples, in the order of these."""
    arguments: dict[str, str] = {}
    columns = {}
    for feature, dtype, counted_by, summed in sorted(_columns(schema)):
        argument = _argument(feature, taken=arguments)
        arguments[argument] = feature
        columns[feature] = Column(feature, argument, _DTYPES[dtype], counted_by, summed)
    return columns


def parse_examples(columns: Mapping[str, Column], examples: tf.Tensor) -> dict[str, tf.RaggedTensor]:
    """The values of serialized tf.Examples `[num_requests]`; features that are no column are left out.

    A feature that an example does not have has no values.

    Raises (when computed):
      InvalidArgumentError: bytes are no tf.Example, or a feature, which it names, has another type.
    """
    wanted = {name: tf.io.RaggedFeature(column.dtype, row_splits_dtype=tf.int64) for name, column in columns.items()}
    return tf.io.parse_example(examples, wanted)


def _columns(schema: GraphSchema) -> Iterator[tuple[str, str, str | None, bool]]:
    """Name, dtype, the column that counts it, and whether its values are summed."""
    for name, feature in schema.context.items():
        yield f"context/{name}", feature.dtype, None, False
    for name, nodes in schema.node_sets.items():
        yield f"nodes/{name}.{SIZE}", "int64", None, False
        yield from _features(f"nodes/{name}", nodes.features)
    for name, edges in schema.edge_sets.items():
        size = f"edges/{name}.{SIZE}"
        yield size, "int64", None, False
        yield f"edges/{name}.{SOURCE}", "int64", size, False
        yield f"edges/{name}.{TARGET}", "int64", size, False
        yield from _features(f"edges/{name}", edges.features)


def _features(prefix: str, features: Mapping[str, Feature]) -> Iterator[tuple[str, str, str, bool]]:
    for name, feature in features.items():
        if feature.multi_valued:
            yield f"{prefix}.{name}", feature.dtype, f"{prefix}.{name}.d1", True
            yield f"{prefix}.{name}.d1", "int64", f"{prefix}.{SIZE}", False
        else:
            yield f"{prefix}.{name}", feature.dtype, f"{prefix}.{SIZE}", False


def _argument(feature: str, *, taken: Mapping[str, str]) -> str:
    """The name with an underscore for each run of other characters than letters and digits; a number behind it where
    another column has that name."""
    plain = argument = re.sub(r"[^A-Za-z0-9]+", "_", feature).strip("_")
    number = 1
    while argument in taken:
        number += 1
        argument = f"{plain}_{number}"
    return argument
