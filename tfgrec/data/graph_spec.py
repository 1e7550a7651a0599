"""The GraphTensorSpec that records of a schema are parsed with."""

import tensorflow as tf
import tensorflow_gnn as tfgnn

from tfgrec.graph.schema import Feature, GraphSchema

_DTYPES = {"int64": tf.int64, "float32": tf.float32, "string": tf.string}


def graph_tensor_spec(schema: GraphSchema) -> tfgnn.GraphTensorSpec:
    """The spec of one record: a scalar GraphTensor with one component."""
    return tfgnn.create_graph_spec_from_schema_pb(graph_schema_proto(schema))


def graph_schema_proto(schema: GraphSchema) -> tfgnn.GraphSchema:
    """The schema as TF-GNN's message, for what of TF-GNN reads a graph.pbtxt."""
    proto = tfgnn.GraphSchema()
    _set_features(proto.context.features, schema.context)
    for name, node_set in schema.node_sets.items():
        # Naming a set adds it, features or none.
        _set_features(proto.node_sets[name].features, node_set.features)
    for name, edge_set in schema.edge_sets.items():
        proto.edge_sets[name].source = edge_set.source
        proto.edge_sets[name].target = edge_set.target
        _set_features(proto.edge_sets[name].features, edge_set.features)
    return proto


def _set_features(messages: object, features: dict[str, Feature]) -> None:
    for name, feature in features.items():
        messages[name].dtype = _DTYPES[feature.dtype].as_datatype_enum
        if feature.multi_valued:
            messages[name].shape.dim.add(size=-1)
