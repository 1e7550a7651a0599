"""Drafts schemas/<data set>/examples.pbtxt, the TFMD schema that records have to fit:
python -m tfx_pipeline.examples_schema --config YAML --examples DIR [--output FILE].
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from tfgrec.config import TablesConfig, load_run_config, load_tables_config
from tfgrec.config.tables import TimePart
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.entry_point import entry_point
from tfgrec.errors import SchemaError
from tfgrec.graph.computed.computed_features import computed_features
from tfgrec.graph.examples.time_parts import TIME_PART_SIZES
from tfgrec.graph.schema import READOUT, TIME, GraphSchema
from tfx_pipeline.record_columns import RecordColumn, record_columns

TRAINING, SERVING = "TRAINING", "SERVING"
FILE = "examples.pbtxt"

_TYPES = {"int64": schema_pb2.INT, "float32": schema_pb2.FLOAT, "string": schema_pb2.BYTES}
# 3 March 1973, and 20 November 2286: times in seconds or microseconds lie outside.
_MILLISECONDS = (10**11, 10**13)
_HEAD = """\
# The TFMD schema of the sampled tf.Examples of {name}: what the pipeline holds records to, in training and serving.
# Every column is in every record, with an empty list where there is no node or edge; labels in those of training only.
# Drafted by python -m tfx_pipeline.examples_schema, then curated by hand.
"""


def draft_schema(
    records: GraphSchema, tables: TablesConfig, statistics: Mapping[str, Any], num_candidates: int
) -> schema_pb2.Schema:
    """A schema that the records fit, as tight as is sure to fit the next days'.

    Args:
      records: the records' own schema.
      tables: tells which features are labels, degrees and parts of times.
      statistics: of the features, as the manifest of examples has them.
      num_candidates: those of training: a label with fewer numbers is not always there.
    """
    schema = schema_pb2.Schema(default_environment=[TRAINING, SERVING])
    bounds = _Bounds(tables, statistics, num_candidates)
    for column in record_columns(records):
        feature = schema.feature.add(name=column.name, type=_TYPES[column.dtype])
        feature.presence.min_fraction = 1
        if column.one_each or column.is_of_candidates:
            feature.value_count.min = 1
        if column.one_each:
            feature.value_count.max = 1
        if column.is_of_candidates and column.part in tables.requests.labels:
            feature.not_in_environment.append(SERVING)
        bounds.set(feature, column)
    return schema


def write_schema(schema: schema_pb2.Schema, name: str) -> str:
    """The schema as text, one line a feature; `name` is the data set's."""
    lines = [_HEAD.format(name=name)]
    lines += [f'default_environment: "{environment}"' for environment in schema.default_environment]
    heading = None
    for feature in schema.feature:
        of_feature = feature.name.partition(".")[0]
        if of_feature != heading:
            heading = of_feature
            lines.append(f"\n# {heading}")
        lines.append(f"feature {{ {text_format.MessageToString(feature, as_one_line=True)} }}")
    return "\n".join(lines) + "\n"


def check_schema(text: str, where: str, records: GraphSchema) -> None:
    """Refuses a schema of other columns than the records will have: each would be told as an anomaly, after sampling.

    Args:
      text: the content of an examples.pbtxt.
      where: its path, for errors.
      records: the records' own schema.

    Raises:
      SchemaError: it can't be read, or names columns that records lack, or the other way round, or has another type.
    """
    try:
        known = {feature.name: feature.type for feature in text_format.Parse(text, schema_pb2.Schema()).feature}
    except text_format.ParseError as error:
        raise SchemaError(f"{where}: {error}") from error
    columns = {column.name: _TYPES[column.dtype] for column in record_columns(records)}
    problems = [*_differences("lacks", columns, known), *_differences("has, and records will lack,", known, columns)]
    problems += [
        f"has {name} as {schema_pb2.FeatureType.Name(known[name])}, not {schema_pb2.FeatureType.Name(kind)}"
        for name, kind in columns.items()
        if known.get(name, kind) != kind
    ]
    if problems:
        raise SchemaError(
            f"{where}: {'; '.join(problems)}: it has to go with graph.pbtxt and with sampling.hops and "
            "sampling.history; python -m tfx_pipeline.examples_schema drafts one"
        )


def _differences(verb: str, some: Mapping[str, int], others: Mapping[str, int]) -> Iterator[str]:
    names = [name for name in some if name not in others]
    if names:
        yield f"{verb} {', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"


class _Bounds:
    """What values a column may have."""

    def __init__(self, tables: TablesConfig, statistics: Mapping[str, Any], num_candidates: int) -> None:
        self._requests, self._statistics, self._num_candidates = tables.requests, statistics, num_candidates

    def set(self, feature: schema_pb2.Feature, column: RecordColumn) -> None:
        """Sets the domain of the column's feature."""
        if column.dtype == "float32":
            self._set_float(feature.float_domain, column)
        elif column.dtype == "int64" and column.part == TIME:
            feature.int_domain.min, feature.int_domain.max = _MILLISECONDS
        elif column.dtype == "int64" and self._time_part(column) is not None:
            feature.int_domain.min, feature.int_domain.max = 0, TIME_PART_SIZES[self._time_part(column)] - 1
        elif column.dtype == "int64" and _counts(column.part):
            feature.int_domain.min = 1 if (column.set_name, column.part) == (READOUT, "#size") else 0

    def _set_float(self, domain: schema_pb2.FloatDomain, column: RecordColumn) -> None:
        numbers = self._statistics.get(column.set_name, {}).get(column.part, {}).get("numeric")
        domain.disallow_inf = True
        is_label = column.set_name == READOUT and column.part in self._requests.labels
        # A label without a value is NaN.
        domain.disallow_nan = not is_label or numbers["count"] == self._num_candidates
        computed = computed_features(self._requests).get(column.part) if column.set_name == READOUT else None
        if computed is not None and (least := computed.kind.lowest(computed.definition)) is not None:
            domain.min = least
        elif numbers is not None and numbers["count"]:
            seen = numbers["quantiles"]
            lowest = 0 if computed is None else min(computed.absent, 0)
            if seen[0] >= lowest:
                domain.min = lowest
            # A sum of flags grows with the log.
            if set(seen) <= {lowest, 0.0, 1.0} and not (computed and computed.kind.grows(computed.definition)):
                domain.max = 1

    def _time_part(self, column: RecordColumn) -> str | None:
        source = self._requests.features.get(column.part) if column.set_name == READOUT else None
        return source.time_part if isinstance(source, TimePart) else None


def _counts(part: str) -> bool:
    """Whether a column counts or numbers things."""
    return part in ("#size", "#source", "#target") or part.endswith(".d1")


@entry_point
def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tfx_pipeline.examples_schema", description=__doc__)
    parser.add_argument("--config", required=True, metavar="YAML", help="a run's configuration")
    parser.add_argument("--examples", required=True, metavar="DIR", help="records of beam_jobs.sample_subgraphs")
    parser.add_argument("--output", metavar="FILE", help="where to write; standard output unless given")
    parsed = parser.parse_args(arguments)
    config = load_run_config(parsed.config)
    examples = ExamplesDirectory.open(parsed.examples)
    examples.check_statistics()
    schema = draft_schema(
        examples.schema,
        load_tables_config(config.schema_dir),
        examples.statistics,
        examples.split("train").num_candidates,
    )
    text = write_schema(schema, Path(config.schema_dir).name)
    if parsed.output:
        Path(parsed.output).write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    sys.exit(main())
