"""Writes a whole input: its tables as CSV and Parquet files, graph.pbtxt, tables.yaml and the run's YAML."""

import bz2
import gzip
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from whole_inputs import RawFile, WholeInput

NOT_ASKED_FOR = "note"


def write_input(world: WholeInput, folder: Path) -> Path:
    """Writes all files below a new folder; returns the path of the run's YAML, beside which `data` lies."""
    (folder / "schema").mkdir(parents=True)
    (folder / "data").mkdir()
    for table in world.tables.values():
        for file in table.files:
            _write_file(file, folder)
    (folder / "schema" / "graph.pbtxt").write_text(_schema_text(world))
    (folder / "schema" / "tables.yaml").write_text(yaml.safe_dump(_tables(world), allow_unicode=True))
    run = {
        "name": "shop",
        "schema_dir": "schema",
        "split": {"column": "day", **world.split, "overlap_seconds": world.overlap_seconds},
        "build": {
            "shards": world.shards,
            "rows_per_batch": world.rows_per_batch,
            "max_bad_row_share": world.max_bad_row_share,
        },
        "sampling": {"hops": [{"viewed": 2, "liked": 2}, {"of_brand": 1}], "output_shards": 1},
        "model": {"tasks": {"bought": {"label": "bought"}}},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(run))
    return folder / "run.yaml"


def _write_file(file: RawFile, folder: Path) -> None:
    path = folder / "data" / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "_SUCCESS").touch()
    if file.fault == "no file":
        return
    if file.fault == "dangling link":
        path.symlink_to("nowhere")
        return
    content = b"" if file.fault == "empty file" else _csv(file) if file.is_csv else _parquet(file)
    if file.fault == "cut file":
        content = content[: len(content) // 2]
    if file.linked:
        elsewhere = folder / "elsewhere" / file.path.replace("/", " ")
        elsewhere.parent.mkdir(exist_ok=True)
        path.symlink_to(os.path.relpath(elsewhere, path.parent))
        path = elsewhere
    path.write_bytes(content)


def _csv(file: RawFile) -> bytes:
    names = list(file.columns)
    if file.fault == "no column":
        names = names[1:]
    if file.fault == "two columns":
        names = [*names, names[0]]
    lines = [_line([*names, NOT_ASKED_FOR], file)]
    for row in range(file.rows):
        cells = [file.columns[name].cells[row] for name in names]
        lines.append(_line([*cells, "n", *(["one more"] if row in file.ragged else [])], file))
    if file.fault == "open quote":
        lines.append(_line(["1"] * len(names), file) + b',"n')
    content = (b"\xef\xbb\xbf" if file.bom else b"") + (b"\r\n" if file.windows else b"\n").join(lines)
    if file.quote_all:
        content += b"\r\n" if file.windows else b"\n"
    if file.path.endswith(".gz"):
        return gzip.compress(content)
    if file.path.endswith(".bz2"):
        return bz2.compress(content)
    if file.path.endswith(".zst"):
        return pa.compress(content, codec="zstd", asbytes=True)
    return content


def _line(cells: Sequence[Any], file: RawFile) -> bytes:
    return b",".join(_quoted(cell if isinstance(cell, bytes) else str(cell).encode(), file.quote_all) for cell in cells)


def _quoted(cell: bytes, always: bool) -> bytes:
    if always or any(sign in cell for sign in (b",", b'"', b"\n", b"\r")):
        return b'"' + cell.replace(b'"', b'""') + b'"'
    return cell


def _parquet(file: RawFile) -> bytes:
    columns = {name: column.array() for name, column in file.columns.items()}
    first = next(iter(columns))
    if file.fault == "no column":
        del columns[first]
    if file.fault == "struct":
        columns[first] = pa.array([{"a": 1}] * file.rows, pa.struct([("a", pa.int64())]))
    columns[NOT_ASKED_FOR] = pa.array([[("k", 1)]] * file.rows, pa.map_(pa.string(), pa.int64()))
    sink = io.BytesIO()
    compression = "zstd" if file.bom else "snappy"
    pq.write_table(pa.table(columns), sink, row_group_size=file.row_group, version="2.6", compression=compression)
    return sink.getvalue()


def _tables(world: WholeInput) -> dict[str, Any]:
    tables: dict[str, Any] = {name: {"path": table.path} for name, table in world.tables.items()}
    for name, table in world.tables.items():
        if name in ("views", "likes", "clips", "plays"):
            time: dict[str, Any] = {"column": "last_at" if name == "plays" else "at"}
            time |= {"unit": table.unit} if table.unit else {}
            time |= {"format": table.pattern} if table.pattern else {}
            tables[name]["time"] = time
    counted_back = {"order": "position", "within": "user_id", "step_seconds": world.step_seconds}
    tables["plays"]["time"]["counted_back"] = counted_back
    node_sets, edge_sets = _node_sets(world), _edge_sets(world)
    return {"tables": tables, "node_sets": node_sets, "edge_sets": edge_sets, "requests": _requests(world)}


def _column(world: WholeInput, name: str, **more: Any) -> dict[str, Any]:
    missing = {"missing": world.missing[name]} if name in world.missing else {}
    return {"column": name, **more, **missing}


def _node_sets(world: WholeInput) -> dict[str, Any]:
    of_users = {name: _column(world, name) for name in ("age", "level", "city")}
    of_items = {"price": _column(world, "price"), "tags": _column(world, "tags", separator="|")}
    return {
        "user": {"table": "users", "id": "user_id", "features": of_users},
        "item": {"table": "items", "id": "item_id", "features": of_items},
        "brand": {"table": "items", "id": "brand"},
        "tag": {"table": "items", "id": _TAGS},
    }


_TAGS = {"column": "tags", "separator": "|"}


def _edge_sets(world: WholeInput) -> dict[str, Any]:
    def edges(table: str, source: Any, target: Any, **more: Any) -> dict[str, Any]:
        return {"sources": [{"table": table, "source": source, "target": target, **more}]}

    bought, state = ({name: _one_or_more(world.where[name])} for name in ("bought", "state"))
    bought_by = edges("views", "item_id", "user_id", where=bought)
    return {
        "viewed": edges("views", "user_id", "item_id", features={"stars": "stars"}),
        "viewed_by": {"reverse_of": "viewed"},
        "bought_by": {**bought_by, "feedback_delay_seconds": world.delay_seconds},
        "liked": edges("likes", "user_id", "item_id", where=state, features={"strength": "strength"}),
        "friend": edges("friends", "a", {"column": "b", "separator": "|"}),
        "played": edges("plays", "user_id", "item_id"),
        "of_brand": edges("items", "item_id", "brand"),
        "has_tag": edges("items", "item_id", _TAGS),
    }


def _requests(world: WholeInput) -> dict[str, Any]:
    source = {"user": "user_id", "item": "item_id", "item_node_set": "item"}
    return {
        "user_node_set": "user",
        "sources": [{"table": "views", **source, "group_by": world.group_by}, {"table": "clips", **source}],
        "features": {"hour": {"time_part": "hour"}, "place": _column(world, "place")},
        "labels": {"bought": "bought"},
        "temporal_degrees": {
            "views": {"of": "user", "edge_set": "viewed"},
            "item_views": {"of": "item", "edge_set": "viewed_by"},
            "item_bought": {"of": "item", "edge_set": "bought_by"},
            "stars": {"of": "user", "edge_set": "viewed", "measure": "mean", "feature": "stars"},
            "strength": {"of": "user", "edge_set": "liked", "measure": "sum", "feature": "strength"},
            "liked_ago": {"of": "user", "edge_set": "liked", "measure": "seconds_since_last"},
            "plays": {"of": "user", "edge_set": "played"},
            "friends": {"of": "user", "edge_set": "friend"},
        },
    }


def _one_or_more(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _schema_text(world: WholeInput) -> str:
    def features(**of: str) -> str:
        several = "shape { dim { size: -1 } }"
        return " ".join(
            f'features {{ key: "{name.replace("id", "#id") if name == "id" else name}" value '
            f"{{ dtype: DT_{kind.removesuffix('S')} {several if kind == 'STRINGS' else ''} }} }}"
            for name, kind in of.items()
        )

    ids = {name: "STRING" if as_text else "INT64" for name, as_text in world.text_ids.items()}
    numbers = ("views", "item_views", "item_bought", "stars", "strength", "liked_ago", "plays", "friends", "bought")
    nodes = {
        "user": features(id=ids["user"], age="FLOAT", level="INT64", city="STRING"),
        "item": features(id=ids["item"], price="FLOAT", tags="STRINGS"),
        "brand": features(id="STRING"),
        "tag": features(id="STRING"),
        "_readout": features(hour="INT64", place="STRING", **dict.fromkeys(numbers, "FLOAT")),
    }
    edges = {
        "viewed": ("user", "item", features(time="INT64", stars="FLOAT")),
        "viewed_by": ("item", "user", features(time="INT64", stars="FLOAT")),
        "bought_by": ("item", "user", features(time="INT64")),
        "liked": ("user", "item", features(time="INT64", strength="INT64")),
        "friend": ("user", "user", ""),
        "played": ("user", "item", features(time="INT64")),
        "of_brand": ("item", "brand", ""),
        "has_tag": ("item", "tag", ""),
        "_readout/user": ("user", "_readout", ""),
        "_readout/item": ("item", "_readout", ""),
    }
    lines = [f"context {{ {features(time='INT64')} }}"]
    lines += [f'node_sets {{ key: "{name}" value {{ {of} }} }}' for name, of in nodes.items()]
    lines += [
        f'edge_sets {{ key: "{name}" value {{ source: "{source}" target: "{target}" {of} }} }}'
        for name, (source, target, of) in edges.items()
    ]
    return "\n".join(lines)
