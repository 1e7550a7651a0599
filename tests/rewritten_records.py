"""Records put in the place of others as a job would: with a manifest that knows them."""

import json
from collections.abc import Sequence
from pathlib import Path

from beam_jobs.tfrecords.tfrecord_shards import write_records
from tfgrec.graph.store.layout import sealed


def rewrite_records(path: Path, records: Sequence[bytes]) -> None:
    """Makes other records of a file in a split's folder, and notes its length and checksum in the manifest above."""
    written, manifest_path = write_records(str(path), records), path.parents[1] / "manifest.json"
    manifest = {name: of for name, of in json.loads(manifest_path.read_text()).items() if name != "sha256"}
    (noted,) = (
        shard
        for split in manifest["splits"].values()
        for shard in split["shards"]
        if shard["path"] == f"{path.parent.name}/{path.name}"
    )
    noted.update(bytes=written.bytes, sha256=written.sha256)
    manifest_path.write_text(json.dumps(sealed(manifest)))
