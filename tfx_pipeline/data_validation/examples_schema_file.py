"""The TFMD schema of examples, read from its artifact."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tfx.dsl.io import fileio
from tfx.types import Artifact


def read_examples_schema(artifact: Artifact) -> Schema:
    """The schema that ImportSchemaGen gave."""
    with fileio.open(f"{artifact.uri}/schema.pbtxt", "rb") as file:
        return text_format.Parse(file.read().decode("utf-8"), Schema())
