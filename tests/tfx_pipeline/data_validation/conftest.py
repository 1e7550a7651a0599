"""Records that all tests of validation read."""

from collections.abc import Iterator

import pytest
from validated_examples import CleanExamples, Validators, make_clean_examples


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> CleanExamples:
    return make_clean_examples(tmp_path_factory.mktemp("clean"))


@pytest.fixture
def validators(tmp_path, clean: CleanExamples) -> Iterator[Validators]:
    return Validators(tmp_path, clean.schema)
