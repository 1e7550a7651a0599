"""Errors that a user can mend: commands print their message alone, without a traceback."""


class TfgrecError(Exception):
    """Base of all errors whose message names what to mend (file, key, row)."""


class ConfigurationError(TfgrecError):
    """A configuration file has an unknown key, a wrong type or a value that can't work."""


class SchemaError(TfgrecError):
    """graph.pbtxt and tables.yaml don't fit each other or the data's columns."""


class InputDataError(TfgrecError):
    """A table or another file is missing or unreadable, or a table is empty, or too many of its rows are bad."""


class GraphStoreError(TfgrecError):
    """A graph store is missing, unfinished or damaged."""


class LeakageError(TfgrecError):
    """A written record carries an edge that its request could not have seen."""


class OutputError(TfgrecError):
    """A file can't be written: the disk is full, or writing there is not allowed."""
