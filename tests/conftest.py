"""Settings of all tests: TensorFlow quiet, few threads, one Hypothesis profile; an object store for who asks."""

import contextlib
import gc
import os
import tempfile
import uuid
from collections.abc import Iterator

# Before anything imports TensorFlow or NumPy. Test runs share machines, so they use few threads and no GPU unless told.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import hypothesis  # noqa: E402
import pytest  # noqa: E402
from s3_server import S3Server, running_s3_server  # noqa: E402

from tfgrec.shard_cache import ShardCache  # noqa: E402
from tfgrec.temporary_folder import own_temporary_folder  # noqa: E402

# Slow machines make deadlines flaky; a failure must come again on the next run, so examples are not random.
hypothesis.settings.register_profile("tfgrec", deadline=None, derandomize=True)
hypothesis.settings.load_profile("tfgrec")

_SESSION = pytest.StashKey[contextlib.ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Gives the session a folder for temporary files, for all that tests and their processes leave: it goes at the end.

    Folders of `tmp_path` lie beside it: those of failed tests stay until the next session.
    """
    config.stash[_SESSION] = contextlib.ExitStack()
    # xdist's workers are children of the process that has made it.
    if not hasattr(config, "workerinput"):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
        config.stash[_SESSION].enter_context(own_temporary_folder())


def pytest_collection_finish() -> None:
    """Keeps the garbage collector away from all that was imported, at which it would look again in every test."""
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_SESSION].close()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server of S3's protocol; from the first test on that asks for it, the environment leads to it."""
    with running_s3_server(tmp_path_factory.mktemp("s3")) as server, pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL_S3"):
            patch.delenv(name, raising=False)
        for name, value in server.environment.items():
            patch.setenv(name, value)
        patch.setenv("TFGREC_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("TFGREC_RUNS_DIR", str(tmp_path_factory.mktemp("runs")))
        ShardCache.of_host.cache_clear()
        yield server


@pytest.fixture
def s3_folder(s3_server: S3Server) -> str:
    """The URL of a folder that is this test's alone."""
    return f"{s3_server.url}/{uuid.uuid4().hex}"
