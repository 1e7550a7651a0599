"""Looks at the tables of a run before anything is built: python -m beam_jobs.check_data, which tfgrec-check calls."""

import sys
from collections.abc import Mapping, Sequence

import pyarrow as pa

from beam_jobs.records.request_rows import sources_by_table
from beam_jobs.running.command_line import job_parser
from beam_jobs.running.facts import Fact
from beam_jobs.table_checks.found_tables import find_tables
from beam_jobs.table_checks.known_ids import MOST_IDS, KnownIds
from beam_jobs.table_checks.label_samples import check_sampled_labels
from beam_jobs.table_checks.row_samples import RowSample, read_all, read_sample
from beam_jobs.table_checks.sampled_uses import SampledUses
from beam_jobs.tables.read_table import time_columns
from beam_jobs.tables.several_values import columns_of_several
from beam_jobs.tables.splits import check_splits, span_of_rows, splits_of_rows, times_of_split
from beam_jobs.tables.table_files import TableFiles
from beam_jobs.tables.told_places import told_place
from tfgrec.checks.configuration import collected
from tfgrec.checks.table_findings import DataFindings, TableFinding
from tfgrec.checks.tables_check import check_tables
from tfgrec.config import RunConfig, TablesConfig, load_run_config, load_tables_config
from tfgrec.data.schema_file import read_graph_schema
from tfgrec.entry_point import entry_point
from tfgrec.files import write_json
from tfgrec.graph.rows.edge_rows import ROW_TIME
from tfgrec.graph.rows.row_checks import RowChecks
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.schema import GraphSchema
from tfgrec.graph.store.columns import column_of
from tfgrec.model.configuration_checks import arm_problems, check_model_config, raise_problems


def check_data(config: RunConfig, tables: TablesConfig, data_dir: str, most_rows: int) -> DataFindings:
    """Compares graph.pbtxt with tables.yaml and the run, and the tables with all three.

    Files and columns are those of the jobs, and so is the reading of rows: of `most_rows` rows a table, and of all ids
    of node sets and all values of the split's column.
    """
    problems: list[str] = []
    schema = _fitting_schema(config, tables, problems)
    several = {} if schema is None else columns_of_several(tables, schema)
    found, whole = find_tables(config, tables, data_dir, several, problems)
    if schema is None:
        notes = ["rows were not looked at, since the schema files don't fit each other"]
        return DataFindings([_without_rows(files) for files in found.values()], problems, notes)
    samples = {}
    for name, files in whole.items():
        with collected(problems):
            samples[name] = read_sample(files, tables.tables[name].time, most_rows)
    rows = _Rows(config, tables, schema, whole, problems)
    findings = [rows.check(name, samples[name]) if name in samples else _without_rows(found[name]) for name in found]
    rows.check_ids()
    rows.check_labels(whole=all(sample.whole for sample in samples.values()))
    if all(name in whole for name in sources_by_table(tables)):
        with collected(problems):
            check_splits(_split_facts(config, tables, whole), config.split)
    return DataFindings(findings, problems, rows.notes)


def _fitting_schema(config: RunConfig, tables: TablesConfig, problems: list[str]) -> GraphSchema | None:
    """graph.pbtxt, None where it can't be read or does not fit tables.yaml."""
    schema, before = None, len(problems)
    with collected(problems):
        schema = read_graph_schema(f"{config.schema_dir}/graph.pbtxt", tables)
        check_tables(schema, tables, f"{config.schema_dir}/tables.yaml")
    if len(problems) > before:
        return None
    with collected(problems):
        of_records = record_schema(schema, config.sampling)
        check_model_config(config.model, of_records, tables.requests.labels)
        raise_problems(arm_problems(config.model, config.arm, config.pretraining, of_records))
    return schema


class _Rows:
    """The samples of all tables, table by table."""

    def __init__(
        self,
        config: RunConfig,
        tables: TablesConfig,
        schema: GraphSchema,
        files: Mapping[str, TableFiles],
        problems: list[str],
    ) -> None:
        self._config, self._tables, self._schema, self._files = config, tables, schema, files
        self._problems, self.notes = problems, []
        self._known = KnownIds(tables, schema, files, problems)
        self._uses: list[SampledUses] = []

    def check(self, name: str, sample: RowSample) -> TableFinding:
        """Looks at one table."""
        files = self._files[name]
        if not sample.rows:
            self._problems.append(f"table '{name}': {', '.join(files.paths)}: there are no rows")
        uses = SampledUses(name, files.paths, self._config, self._tables, self._schema, self._known, self._problems)
        uses.read(sample)
        self._uses.append(uses)
        # What some of a table's rows do not have, others may.
        unmatched, said = list(uses.unmatched()), self._problems if sample.whole else self.notes
        said += [line if sample.whole else f"{line} (among {sample.rows:,} rows looked at)" for line in unmatched]
        for shares in (uses.graph, uses.requests):
            problems, notes = shares.told(sample.rows, self._config.build.max_bad_row_share)
            self._problems += problems
            self.notes += notes
        bad_rows = max(uses.graph.count, uses.requests.count)
        return TableFinding(name, len(files.files), _bytes(files), sample.rows, bad_rows, sample.whole)

    def check_ids(self) -> None:
        """Looks for ids that a table of nodes with features names more than once."""
        for name, source in self._tables.node_sets.items():
            if source.features:
                self._known.read(name)
        self.notes += [
            f"node_sets.{name}.id: more than {MOST_IDS:,} ids: not looked up" for name in self._known.too_many
        ]
        for name, (again, total) in self._known.duplicates.items():
            if again:
                source = self._tables.node_sets[name]
                said = self._problems if again > self._config.build.max_bad_row_share * total else self.notes
                said.append(
                    f"node_sets.{name}.id: {again:,} of {total:,} rows of table '{source.table}' name an id of an "
                    "earlier row: only the first of each would be used"
                )

    def check_labels(self, *, whole: bool) -> None:
        """Looks at the labels of all sources of requests together."""
        labels: dict[str, list] = {}
        for uses in self._uses:
            for name, values in uses.labels.items():
                labels.setdefault(name, []).extend(values)
        candidates = sum(uses.candidates for uses in self._uses)
        if candidates:
            with collected(self._problems):
                self.notes += check_sampled_labels(
                    self._config.model, self._tables.requests, labels, candidates, whole=whole
                )


def _split_facts(config: RunConfig, tables: TablesConfig, files: Mapping[str, TableFiles]) -> list[Fact]:
    """The span of the split's column and the times of each split, over all rows of the request tables."""
    facts = []
    for name in sources_by_table(tables):
        time = tables.tables[name].time
        of_split = files[name].only([config.split.column, *time_columns(time)])
        for batch in read_all(of_split, time):
            with told_place(name, of_split.paths, batch):
                facts.append(span_of_rows(batch, config.split))
                selection = RowChecks(batch.num_rows).selection()
                splits = splits_of_rows(batch, config.split, selection)
            times = column_of(batch, ROW_TIME)
            for number, split in enumerate(config.split.parts):
                facts += times_of_split(split, times.filter(pa.array((splits == number) & selection.kept)))
    return facts


def _without_rows(files: TableFiles) -> TableFinding:
    return TableFinding(files.name, len(files.files), _bytes(files))


def _bytes(files: TableFiles) -> int:
    return sum(file.bytes for file in files.files)


@entry_point
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = job_parser("beam_jobs.check_data", "Looks at the tables of a run before anything is built.")
    parser.add_argument("--data", required=True, metavar="DIR", help="where the paths in tables.yaml begin")
    parser.add_argument("--rows", type=int, required=True, help="how many rows of a table are looked at")
    parser.add_argument("--output", required=True, metavar="JSON", help="where the findings go")
    args = parser.parse_args(argv)
    config = load_run_config(args.config, args.overrides)
    tables = load_tables_config(config.schema_dir)
    write_json(args.output, check_data(config, tables, args.data, args.rows).to_json())


if __name__ == "__main__":
    sys.exit(main())
