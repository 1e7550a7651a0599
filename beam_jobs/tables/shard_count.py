"""How many shards a graph store gets where the configuration does not say."""

from collections.abc import Mapping

from beam_jobs.tables.table_files import TableFiles

_BYTES_PER_SHARD = 32 << 20
# Each shard of an edge set is two mapped files, and a process may map some 65,000.
_MOST = 512


def shard_count(files: Mapping[str, TableFiles]) -> int:
    """The smallest power of two that leaves 32 MiB of table files, or less, to a shard; 512 at most.

    A store of one shard is the quickest to sample a single request from; with more of them a worker holds less. Powers
    of two, so that a store which grows day by day seldom has to be cut anew.
    """
    sizes = {file.path: file.bytes for of_table in files.values() for file in of_table.files}
    shards = 1
    while shards < _MOST and shards * _BYTES_PER_SHARD < sum(sizes.values()):
        shards *= 2
    return shards
