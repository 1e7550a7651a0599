"""TF-GNN's message GraphSchema for who reads nothing else of TF-GNN: importing that and TensorFlow takes seconds."""

import ast
import importlib.util
from functools import cache
from pathlib import Path

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

# Modules that protoc generated, each after those that it imports: package, file.
_GENERATED = (
    ("tensorflow", "core/framework/tensor_shape_pb2.py"),
    ("tensorflow", "core/framework/types_pb2.py"),
    ("tensorflow_gnn", "proto/graph_schema_pb2.py"),
)


@cache
def graph_schema_message() -> type[Message]:
    """The class of messages that the installed TF-GNN's `GraphSchema` are, made from its description alone.

    Where that is not where protoc puts it today, TF-GNN is imported for it.
    """
    pool = descriptor_pool.DescriptorPool()
    try:
        for package, path in _GENERATED:
            # A package is found without being imported.
            spec = importlib.util.find_spec(package)
            pool.AddSerializedFile(_described(Path(spec.submodule_search_locations[0]) / path))
    except (OSError, LookupError, ValueError, SyntaxError):
        from tensorflow_gnn import GraphSchema

        return GraphSchema
    descriptor = pool.FindMessageTypeByName("tensorflow_gnn.GraphSchema")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    # Of protobuf before 4.22.
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def _described(path: Path) -> bytes:
    """The serialized FileDescriptorProto that a generated module gives protobuf: the argument of its one such call."""
    calls = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]
    described = [call.args[0] for call in calls if getattr(call.func, "attr", None) == "AddSerializedFile"]
    return ast.literal_eval(described[0])
