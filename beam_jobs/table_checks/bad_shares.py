"""How many of the rows looked at are bad, and why, against the share that a build allows."""

from collections import Counter
from collections.abc import Iterator, Sequence

from beam_jobs.tables.bad_rows import BadRow

_EXAMPLES = 2


class BadShares:
    """The bad rows of one use of a table: for the graph, or for requests."""

    def __init__(self, table: str, use: str, paths: Sequence[str]) -> None:
        self._table, self._use, self._paths = table, use, paths
        self._reasons: Counter[str] = Counter()
        self._examples: dict[str, list[BadRow]] = {}
        self._rows: set[tuple[int, int]] = set()

    @property
    def count(self) -> int:
        """How many rows are bad."""
        return len(self._rows)

    def add(self, bad_rows: Sequence[BadRow]) -> None:
        """Takes in bad rows; a row that is known counts once, by its first reason."""
        for bad in bad_rows:
            if (bad.file, bad.row) in self._rows:
                continue
            self._rows.add((bad.file, bad.row))
            self._reasons[bad.reason] += 1
            examples = self._examples.setdefault(bad.reason, [])
            if len(examples) < _EXAMPLES:
                examples.append(bad)

    def told(self, rows: int, max_share: float) -> tuple[list[str], list[str]]:
        """Of `rows` rows looked at: lines of a problem where too many are bad, else of what is worth knowing."""
        if not self.count:
            return [], []
        head = f"table '{self._table}': {self.count:,} of {rows:,} rows looked at are bad for {self._use}"
        if self.count > max_share * rows:
            return [f"{head}, more than build.max_bad_row_share ({max_share:g}) allows", *self._described()], []
        return [], [f"{head} and would be left out", *self._described()]

    def _described(self) -> Iterator[str]:
        for reason, count in self._reasons.most_common():
            yield f"  {reason}: {count:,} rows"
            for bad in self._examples[reason]:
                yield f"    {self._paths[bad.file]} row {bad.row}: {bad.values}"
