"""What became of each table's rows, and whether too many of them were bad."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from beam_jobs.running.facts import Fact, of_kind, total
from beam_jobs.running.outputs import keep_dead_letters
from beam_jobs.tables.table_files import TableFiles
from tfgrec.errors import InputDataError

_EXAMPLES = 3


def count_rows(facts: Sequence[Fact], tables: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`{table: {"rows": n, "bad_rows": n, "reasons": {reason: n}}}`, as manifests tell it."""
    rows = total(facts, "rows", "table")
    reasons: dict[str, Counter] = {table: Counter() for table in tables}
    for fact in of_kind(facts, "bad_rows"):
        reasons[fact["table"]].update(fact["reasons"])
    return {
        table: {"rows": rows[table], "bad_rows": sum(of.values()), "reasons": dict(sorted(of.items()))}
        for table, of in reasons.items()
    }


def check_rows(
    facts: Sequence[Fact], tables: Mapping[str, TableFiles], max_share: float, letters: str, output: str
) -> None:
    """Refuses tables without rows, and those of which more than `max_share` of the rows are bad.

    Raises:
      InputDataError: names the table, the counts by reason, the first examples, and where the dead letters (from
        folder `letters`) are kept: beside the job's `output`.
    """
    counts = count_rows(facts, tables)
    for name, of in counts.items():
        if of["rows"] == 0:
            raise InputDataError(f"table '{name}': {', '.join(tables[name].paths)}: there are no rows")
    lines = [
        line
        for name, of in counts.items()
        if of["bad_rows"] > max_share * of["rows"]
        for line in _describe(name, of, max_share, _first_examples(facts, name))
    ]
    if lines:
        kept = keep_dead_letters(letters, output)
        raise InputDataError("\n".join([*lines, f"all bad rows are in {kept}"]))


def _describe(table: str, counts: dict[str, Any], max_share: float, examples: list[dict[str, Any]]) -> list[str]:
    reasons = "; ".join(f"{reason} ({count:,})" for reason, count in counts["reasons"].items())
    return [
        f"table '{table}': {counts['bad_rows']:,} of {counts['rows']:,} rows are bad, more than "
        f"build.max_bad_row_share ({max_share:g}) allows: {reasons}",
        *(f"  {letter['file']} row {letter['row']}: {letter['reason']}: {letter['values']}" for letter in examples),
    ]


def _first_examples(facts: Sequence[Fact], table: str) -> list[dict[str, Any]]:
    letters = [letter for fact in of_kind(facts, "bad_rows") if fact["table"] == table for letter in fact["examples"]]
    return sorted(letters, key=lambda letter: (letter["file"], letter["row"]))[:_EXAMPLES]
