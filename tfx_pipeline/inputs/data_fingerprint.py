"""What a run's tables are, as a text that changes when they do: TFX's cache looks at it instead of at the files."""

import hashlib
import json

from tfgrec.config import TablesConfig
from tfgrec.run.fingerprint import fingerprint_file
from tfgrec.run.known_fingerprints import KnownFingerprints
from tfgrec.stages.input_tables import InputTables


def fingerprint_tables(tables: TablesConfig, data: str, known: KnownFingerprints | None = None) -> str:
    """SHA-256 over all tables' files, see `InputTables`; files that are `known` are not read, and those read are then.

    Raises:
      InputDataError: a table has no file.
    """
    of_file = fingerprint_file if known is None else known.of_file
    found = InputTables(data, tables).fingerprints(sorted(tables.tables), of_file)
    if known is not None:
        known.save()
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode("utf-8")).hexdigest()
