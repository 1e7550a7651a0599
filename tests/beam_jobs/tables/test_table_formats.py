"""Formats by name and suffix, those of the configuration being those that can be read."""

from typing import get_args

import pytest

from beam_jobs.tables.table_formats import FORMATS, format_of
from tfgrec.config.tables import TableFormat
from tfgrec.errors import InputDataError


def test_the_configuration_names_all_formats() -> None:
    assert set(get_args(TableFormat)) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_a_suffix_tells_the_format_and_tables_yaml_overrules_it(name: str) -> None:
    for suffix in FORMATS[name].suffixes:
        assert format_of(f"day=1/rows{suffix.upper()}", None) == name
        if FORMATS[name].compressed:
            assert format_of(f"rows{suffix}.gz", None) == name
    assert format_of("rows.dat", name) == name


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(InputDataError, match=r"rows\.xml: expected a file that ends in \.csv, "):
        format_of("rows.xml", None)
    with pytest.raises(InputDataError, match="a Parquet file is compressed inside"):
        format_of("rows.parquet.zst", None)
