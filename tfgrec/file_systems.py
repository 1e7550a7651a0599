"""Where paths lead that are not of a local disk: the file systems of object stores and clusters, by their URLs.

All of them are Arrow's. Credentials come from the environment's own chain (variables, profiles, the machine's role)
and from nowhere else: none is read from a path, or kept.
"""

import functools
import os
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from pyarrow import fs

from tfgrec.close_match import suggestion
from tfgrec.credentials import holds_credentials
from tfgrec.errors import ConfigurationError

SEPARATOR = "://"
# As AWS's own tools read them; the first that is set counts.
_S3_ENDPOINT = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_S3_REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")
_S3_ATTEMPTS = ("AWS_MAX_ATTEMPTS",)
# Some 25 seconds.
_DEFAULT_ATTEMPTS = 11
_GCS_ENDPOINT = ("STORAGE_EMULATOR_HOST",)


class Place(NamedTuple):
    """A file system, and a path as it wants it."""

    system: fs.FileSystem
    path: str


def scheme_of(path: str) -> str | None:
    """The scheme of a URL (`s3` of `s3://bucket/key`); None for a path of a local disk.

    Raises:
      ConfigurationError: the path is a URL that has lost a slash, as `s3:/bucket/key`.
    """
    scheme, separator, _ = path.partition(SEPARATOR)
    if separator and scheme and "/" not in scheme:
        return scheme
    if cut := _CUT_URL.match(path):
        raise ConfigurationError(f"{path}: expected {cut[1]}{SEPARATOR}...")
    return None


def place_of(url: str) -> Place:
    """The file system of a URL and the path within it. What a name holds is its own: nothing is decoded.

    Raises:
      ConfigurationError: the scheme is unknown, a name is missing, or credentials stand in the URL; or nobody answers.
    """
    scheme, _, rest = url.partition(SEPARATOR)
    authority = rest.partition("/")[0]
    if holds_credentials(url):
        told = f"{scheme}{SEPARATOR}{rest.rpartition('@')[2]}"
        raise ConfigurationError(f"{told}: credentials don't belong into paths: they are read from the environment")
    if scheme not in MAKERS:
        raise ConfigurationError(
            f"{url}: unknown kind of storage '{scheme}{SEPARATOR}': {suggestion(scheme, sorted(MAKERS))}"
        )
    if not authority:
        raise ConfigurationError(f"{url}: names no bucket or host: expected {scheme}{SEPARATOR}NAME/...")
    if "//" in rest.rstrip("/"):
        raise ConfigurationError(f"{url}: has two slashes in a row: a name between them is missing")
    path = "/" + rest.partition("/")[2] if scheme == "hdfs" else rest
    try:
        system = MAKERS[scheme](authority)
    except OSError as error:
        raise ConfigurationError(f"{url}: can't be reached: {' '.join(str(error).split())}") from error
    return Place(system, path.rstrip("/"))


def _s3(bucket: str) -> fs.FileSystem:
    return _s3_system(_first_set(_S3_ENDPOINT), _first_set(_S3_REGION), bucket)


@functools.cache
def _s3_system(endpoint: str, region: str, bucket: str) -> fs.FileSystem:
    # What Arrow does by itself counts all retries of a process, and after a hundred makes none: a long job needs more.
    # This one does not count the first attempt.
    retries = fs.AwsDefaultS3RetryStrategy(max_attempts=_attempts() - 1)
    if endpoint:
        address = urlsplit(endpoint)
        if address.scheme not in ("http", "https") or not address.netloc:
            raise ConfigurationError(f"{_S3_ENDPOINT[1]}: '{endpoint}' is no address: expected http://HOST:PORT")
        return fs.S3FileSystem(
            endpoint_override=f"{address.netloc}{address.path.rstrip('/')}",
            scheme=address.scheme,
            region=region or "us-east-1",
            retry_strategy=retries,
        )
    return fs.S3FileSystem(region=region or fs.resolve_s3_region(bucket), retry_strategy=retries)


def _attempts() -> int:
    text = _first_set(_S3_ATTEMPTS) or str(_DEFAULT_ATTEMPTS)
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f"{_S3_ATTEMPTS[0]}: '{text}' is no number from 1 on")
    return int(text)


def _gcs(bucket: str) -> fs.FileSystem:
    return _gcs_system(_first_set(_GCS_ENDPOINT))


@functools.cache
def _gcs_system(endpoint: str) -> fs.FileSystem:
    if endpoint:
        address = urlsplit(endpoint if SEPARATOR in endpoint else f"http{SEPARATOR}{endpoint}")
        return fs.GcsFileSystem(anonymous=True, endpoint_override=address.netloc, scheme=address.scheme)
    return fs.GcsFileSystem()


@functools.cache
def _hdfs(authority: str) -> fs.FileSystem:
    return fs.HadoopFileSystem.from_uri(f"hdfs{SEPARATOR}{authority}")


def _first_set(variables: tuple[str, ...]) -> str:
    name = next((name for name in variables if os.environ.get(name)), None)
    if name is None:
        return ""
    if holds_credentials(os.environ[name]):
        raise ConfigurationError(f"{name}: holds credentials: they have variables, or profiles, of their own")
    return os.environ[name]


# Makes the file system of a bucket or host, by scheme.
MAKERS = {"gs": _gcs, "hdfs": _hdfs, "s3": _s3}
# What `pathlib.Path` makes of a URL.
_CUT_URL = re.compile(rf"({'|'.join(MAKERS)}):/")
