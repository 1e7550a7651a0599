"""What tables are to a recommender: users, items, the log of requests, its time, labels and scenario."""

import dataclasses
import re
from collections.abc import Mapping

import pyarrow as pa

from tfgrec.close_match import suggestion
from tfgrec.draft.outcomes import OUTCOMES, binary_columns, labels_of, rating_of
from tfgrec.draft.table_looks import ColumnLook, TableLook, share_known
from tfgrec.draft.time_guess import WAYS, TimeGuess, is_named_as_time, time_of
from tfgrec.errors import ConfigurationError

_USER = re.compile(
    r"(?i)^(user|uid|customer|member|visitor|viewer|reader|listener|account|client|person|player)s?(_?id)?$"
)
_ITEM = re.compile(
    r"(?i)^(item|iid|product|video|movie|film|article|news|song|track|book|game|ad|post|sku|asin|listing|photo)s?(_?id)?$"
)
_SCENARIO = re.compile(r"(?i)^(scenario|tab|surface|channel|placement|page|scene)$")
_MOST_SCENARIOS = 50
# Of the rows of a log, as many as a build allows to be bad.
_LEAST_KNOWN = 0.99


@dataclasses.dataclass(frozen=True)
class Flags:
    """What the command line says; None or empty where it leaves the guess."""

    users: str | None = None
    items: str | None = None
    log: str | None = None
    time: str | None = None
    labels: tuple[str, ...] = ()
    scenario: str | None = None


@dataclasses.dataclass(frozen=True)
class Entity:
    """A node set: the table and the id column that its nodes are read from; `in_log` is its column in the log."""

    node_set: str
    table: TableLook
    id: str
    in_log: str


@dataclasses.dataclass(frozen=True)
class Roles:
    """What each table and column is; `why` says, by role, why it was guessed, and lacks what flags gave."""

    users: Entity
    items: Entity
    log: TableLook
    time: TimeGuess
    labels: list[str]
    rating: str | None
    scenario: str | None
    why: dict[str, str]


def find_roles(tables: Mapping[str, TableLook], flags: Flags) -> Roles:
    """Guesses roles by names and by what columns hold.

    Raises:
      ConfigurationError: something can't be told: says which flag tells it.
    """
    why: dict[str, str] = {}
    log, time = _log(tables, flags, why)
    users = _entity(tables, log, "users", flags.users, _USER, why)
    items = _entity(tables, log, "items", flags.items, _ITEM, why, other=users.in_log)
    taken = {users.in_log, items.in_log, time.column.column}
    rating = None if flags.labels else rating_of(log, taken)
    labels = labels_of(log, flags.labels, taken, why)
    if not labels and rating is None:
        raise ConfigurationError(
            f"--labels: {log.path} has no outcome ({OUTCOMES}): add or rename a column that says what came of a row: "
            f"{', '.join(log.columns)}"
        )
    if rating is not None:
        of_rating = f"{rating} for its name and its numbers, as a regression"
        why["labels"] = f"{why['labels']}; {of_rating}" if labels else of_rating
    return Roles(users, items, log, time, labels, rating, _scenario(log, flags, taken, why), why)


def keys_of(table: TableLook) -> list[str]:
    """The columns that could be a table's id: whole numbers or text, none empty, none twice; the likeliest first."""
    keys = [
        name
        for name, look in table.columns.items()
        if look.dtype in ("int64", "string") and not look.several and not is_named_as_time(name)
        # Counted last, since it takes longest.
        if not look.empty and look.distinct == table.rows
    ]
    return sorted(keys, key=lambda name: (not name.lower().endswith("id"), stem(name) != singular(table.name)))


def names_for(table: TableLook, key: str) -> set[str]:
    """Names that other tables may have for a table's id, in lower case."""
    of_table = singular(table.name)
    names = {key.lower(), f"{stem(key)}_id", f"{of_table}_id", f"{of_table}id", of_table, stem(key)}
    return names - {"id", "_id", ""}


def _log(tables: Mapping[str, TableLook], flags: Flags, why: dict[str, str]) -> tuple[TableLook, TimeGuess]:
    if flags.log is not None:
        if flags.log not in tables:
            raise ConfigurationError(f"--log {flags.log}: there is no such table: {suggestion(flags.log, tables)}")
        time = time_of(tables[flags.log], flags.time)
        if time is None:
            raise ConfigurationError(f"--time: can't tell which column of {tables[flags.log].path} holds its times")
        if flags.time is None:
            why["time"] = f"{time.distinct:,} different values, all of them times"
        return tables[flags.log], time
    found, lacks = {}, {}
    for name, table in tables.items():
        if flags.users is None and not any(map(_USER.match, table.columns)):
            lacks[name] = ["no column of users"]
            continue
        if any(map(_USER.match, keys_of(table))):
            lacks[name] = ["one row a user"]
            continue
        time = time_of(table, flags.time) if (flags.time or "") in {"", *table.columns} else None
        has = {
            "no times": time is not None,
            "one time a user": time is None or not has_one_time_a_user(table, time),
            "no outcome": bool(flags.labels or binary_columns(table, set()) or rating_of(table, set())),
        }
        lacks[name] = [what for what, is_there in has.items() if not is_there]
        if not lacks[name]:
            found[name] = time
    if not found:
        raise ConfigurationError(
            "--log: can't tell which table is the log of what users were shown. It has a column named as one of users "
            f"(or --users says which), times ({WAYS}) that differ within a user, and an outcome ({OUTCOMES}):"
            + "".join(f"\n  {tables[name].path}: {', '.join(what)}" for name, what in lacks.items())
        )
    name = max(found, key=lambda of: tables[of].rows)
    others = f", more than {', '.join(of for of in found if of != name)}" if len(found) > 1 else ""
    why["log"] = f"has users, times and outcomes; {tables[name].rows:,} rows{others}"
    if flags.time is None:
        why["time"] = f"{found[name].distinct:,} different values, all of them times"
    return tables[name], found[name]


def has_one_time_a_user(table: TableLook, time: TimeGuess) -> bool:
    """Whether a log dates all rows of a user alike: then it is no time of what happened."""
    users = next((name for name in table.columns if _USER.match(name)), None)
    if users is None:
        return False
    pairs = pa.table({"user": table.columns[users].cells, "time": table.columns[time.column.column].cells})
    distinct = pairs.group_by(["user", "time"]).aggregate([("time", "count")]).num_rows
    known = table.columns[users].distinct
    return distinct == known and table.rows > 2 * known


def _entity(
    tables: Mapping[str, TableLook],
    log: TableLook,
    role: str,
    flag: str | None,
    pattern: re.Pattern,
    why: dict[str, str],
    other: str | None = None,
) -> Entity:
    """The users or the items: a table whose id the log names, or else a column of the log alone."""
    known = _of_flag(tables, role, flag) if flag else None
    found: list[Entity] = []
    for table in [known[0]] if known else [of for of in tables.values() if of is not log]:
        for key in [known[1]] if known else keys_of(table)[:1]:
            column = key if table is log else _reference(log, table, key, other)
            if column is not None:
                found.append(Entity(node_set_of(key, table), table, key, column))
    named = [entity for entity in found if pattern.match(entity.in_log) or pattern.match(entity.id)]
    chosen = found if flag else named or ([] if role == "users" else found)
    if len(chosen) == 1:
        if not flag:
            why[role] = f"{log.name}.{chosen[0].in_log} names ids of {chosen[0].table.name}.{chosen[0].id}"
        return chosen[0]
    columns = [name for name in log.columns if pattern.match(name) and name != other]
    if not chosen and not flag and len(columns) == 1:
        why[role] = f"the name of the column; no table has its ids as a key, at least {_LEAST_KNOWN:.0%} of them"
        return Entity(stem(columns[0]), log, columns[0], columns[0])
    options = ", ".join(f"{entity.table.name}.{entity.id}" for entity in found) or f"{log.name}.COLUMN"
    given = f" {flag}" if flag else ""
    if known and (near := _best_known(log, *known)) is not None:
        raise ConfigurationError(
            f"--{role} {flag}: has {near[1]:.0%} of the ids in {log.name}.{near[0]}, {_LEAST_KNOWN:.0%} are needed: "
            f"add the rows that it lacks, or take the log's own column: --{role} {log.name}.{near[0]}"
        )
    raise ConfigurationError(
        f"--{role}{given}: can't tell which ids of {role} the log '{log.name}' names (columns "
        f"{', '.join(log.columns)}): give --{role} TABLE.COLUMN: {options}"
    )


def _of_flag(tables: Mapping[str, TableLook], role: str, flag: str) -> tuple[TableLook, str]:
    table, dot, column = flag.partition(".")
    if not dot:
        raise ConfigurationError(f"--{role} {flag}: expected TABLE.COLUMN")
    if table not in tables:
        raise ConfigurationError(f"--{role} {flag}: there is no table '{table}': {suggestion(table, tables)}")
    tables[table].column(column, f"--{role} {flag}")
    return tables[table], column


def _reference(log: TableLook, table: TableLook, key: str, other: str | None) -> str | None:
    """The column of the log that names a table's ids, by its name and by its values."""
    for name, look in log.columns.items():
        if name != other and name.lower() in names_for(table, key) and refers(log, look, table.columns[key]):
            return name
    return None


def refers(table: TableLook, look: ColumnLook, key: ColumnLook) -> bool:
    """Whether a column's values are ids of a key: nearly all of them, over all rows of the column's table."""
    if look.dtype not in ("int64", "string") or look.several or look.empty > (1 - _LEAST_KNOWN) * table.rows:
        return False
    return share_known(look, key) >= _LEAST_KNOWN


def _best_known(log: TableLook, table: TableLook, key: str) -> tuple[str, float] | None:
    """The log's column of a key's name, and the share of its ids that the key has; None where none is named so."""
    shares = {
        name: share_known(look, table.columns[key])
        for name, look in log.columns.items()
        if name.lower() in names_for(table, key) and look.dtype in ("int64", "string") and not look.several
    }
    return max(shares.items(), key=lambda found: found[1], default=None)


def _scenario(log: TableLook, flags: Flags, taken: set[str], why: dict[str, str]) -> str | None:
    if flags.scenario == "none":
        return None
    if flags.scenario is not None:
        log.column(flags.scenario, "--scenario")
        return flags.scenario
    for name, look in log.columns.items():
        is_category = look.dtype in ("int64", "string") and not look.several and not look.empty
        if name not in taken and is_category and _SCENARIO.match(name) and 2 <= look.distinct <= _MOST_SCENARIOS:
            why["scenario"] = f"its name, and {look.distinct} different values"
            return name
    return None


def node_set_of(key: str, table: TableLook) -> str:
    """The name of the node set that a table's key makes."""
    return stem(key) or singular(table.name)


def stem(name: str) -> str:
    """user_id and userId are of a user."""
    return re.sub(r"(?i)_?id$", "", name).lower() or ""


def singular(name: str) -> str:
    """users is user; what ends in ss stays."""
    name = name.lower()
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name
