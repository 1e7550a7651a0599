"""Records on an object store are read through the cache, in the order and to the byte that they would be on a disk."""

import fcntl
import gc
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import small_records
import tensorflow as tf
from s3_server import S3Server

from tfgrec import files
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.input_pipeline import FILES_READ_AT_ONCE, TrainingData
from tfgrec.data.parsed_records import read_records
from tfgrec.data.record_files import RecordFiles
from tfgrec.data.time_cut import find_time_cut
from tfgrec.errors import InputDataError, OutputError
from tfgrec.generations import is_generation, new_generation, publish
from tfgrec.manifest_files import ManifestFile
from tfgrec.run.run_directory import RunDirectory
from tfgrec.shard_cache import ShardCache
from tfgrec.told_damage import told_damage

REQUESTS = 200
SHARDS = 30
# tf.data opens two more files ahead for each that it reads.
LEASES = 3 * FILES_READ_AT_ONCE


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    store = small_records.write_store(folder / "graph")
    small_records.write_examples(folder / "examples", store, {"train": REQUESTS, "validation": 10}, shards=SHARDS)
    small_records.write_examples(folder / "few", store, {"train": 20, "validation": 10})
    return folder / "examples"


def send(local: Path, url: str) -> str:
    for path in files.files_below(local):
        files.send(path, files.join(url, *Path(path).relative_to(local).parts))
    return url


@pytest.fixture(scope="module")
def url(local: Path, s3_server: S3Server) -> str:
    return send(local, f"{s3_server.url}/far_records")


UseCache = Callable[[int], Path]


@pytest.fixture
def use_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCache:
    """Gives this process a cache of its own with a bound."""

    def use(max_bytes: int) -> Path:
        cache = ShardCache(folder=tmp_path / "cache", max_bytes=max_bytes)
        monkeypatch.setattr(ShardCache, "of_host", lambda: cache)
        return tmp_path / "cache"

    return use


def sizes(local: Path) -> list[int]:
    return [path.stat().st_size for path in (local / "train").iterdir()]


def in_use(cache: Path) -> int:
    gc.collect()
    return sum(is_locked(path) for path in cache.glob("*.data"))


def is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def training_data(path: files.StrPath) -> TrainingData:
    split = ExamplesDirectory.open(path).split("train")
    return TrainingData(split.records, split.num_requests, small_records.SCHEMA, small_records.LABELS)


def batches(data: TrainingData, epoch: int, skip_batches: int = 0) -> list[list[bytes]]:
    order = {"batch_size": 16, "seed": 3, "epoch": epoch, "shuffle_buffer": 50, "skip_batches": skip_batches}
    return [batch.tolist() for batch in data.serialized_batches(**order).as_numpy_iterator()]


def test_batches_are_those_of_a_local_folder_in_a_cache_smaller_than_the_records(
    local: Path, url: str, use_cache: UseCache
) -> None:
    bound = LEASES * max(sizes(local))
    assert bound < sum(sizes(local)) / 2
    cache = use_cache(bound)
    near, far = training_data(local), training_data(url)
    for epoch, skip_batches in ((0, 0), (1, 5)):
        assert batches(far, epoch, skip_batches) == batches(near, epoch, skip_batches)
        assert in_use(cache) == 0
    assert find_time_cut(far.files, share=0.2) == (cut := find_time_cut(near.files, share=0.2))
    assert cut.num_before + cut.num_held_out == REQUESTS
    assert list(read_records(far.files).as_numpy_iterator()) == list(read_records(near.files).as_numpy_iterator())
    assert sum(path.stat().st_size for path in cache.glob("*.data")) <= bound


def test_a_file_is_fetched_once_and_no_sooner_than_it_is_read(
    local: Path, url: str, use_cache: UseCache, s3_server: S3Server
) -> None:
    use_cache(sum(sizes(local)))
    before = {method: s3_server.requests(method, f"{url}/train/") for method in ("GET", "HEAD")}
    listings = s3_server.requests("GET")
    far = ExamplesDirectory.open(url).split("train").records
    assert {method: s3_server.requests(method, f"{url}/train/") for method in ("GET", "HEAD")} == before
    assert s3_server.requests("GET") - listings < 10
    assert len(list(read_records(far).take(1))) == 1
    assert s3_server.requests("GET", f"{url}/train/") == before["GET"] + 1
    for _ in range(3):
        assert len(list(read_records(far))) == REQUESTS
    assert s3_server.requests("GET", f"{url}/train/") == before["GET"] + SHARDS


def test_a_copy_is_kept_while_its_records_are_read(local: Path, url: str, use_cache: UseCache) -> None:
    cache = use_cache(sum(sizes(local)))
    records = iter(read_records(training_data(url).files))
    next(records)
    assert in_use(cache) == 1
    del records
    assert in_use(cache) == 0
    batch = iter(training_data(url).serialized_batches(batch_size=1, seed=1, epoch=0, shuffle_buffer=2))
    next(batch)
    assert 1 <= in_use(cache) <= LEASES
    del batch
    assert in_use(cache) == 0


def test_the_current_generation_is_read(local: Path, s3_folder: str, use_cache: UseCache) -> None:
    use_cache(sum(sizes(local)))
    few = local.with_name("few")
    publish(s3_folder, send(few, new_generation(s3_folder)))
    assert batches(training_data(s3_folder), 0) == batches(training_data(few), 0)
    [generation] = [name for name in map(Path, files.files_in(s3_folder)) if is_generation(name.name)]
    assert (
        RunDirectory.at("run", examples=s3_folder).examples_manifest == f"{s3_folder}/{generation.name}/manifest.json"
    )


def test_a_damaged_copy_does_not_reach_the_training(local: Path, url: str, use_cache: UseCache) -> None:
    cache = use_cache(sum(sizes(local)))
    far, near = training_data(url), training_data(local)
    assert batches(far, 0) == batches(near, 0)
    for path in cache.glob("*.data"):
        content = path.read_bytes()
        path.write_bytes(content[:40] + bytes([content[40] ^ 4]) + content[41:])
    assert batches(far, 0) == batches(near, 0)


def test_what_is_wrong_is_told_with_the_url(local: Path, s3_folder: str, tmp_path: Path, use_cache: UseCache) -> None:
    use_cache(sum(sizes(local)))
    with pytest.raises(InputDataError, match=f"^{s3_folder}/manifest.json: is missing: sampling did not finish"):
        ExamplesDirectory.open(s3_folder)
    copy = Path(shutil.copytree(local.with_name("few"), tmp_path / "copy"))
    path = sorted((copy / "train").iterdir())[1]
    content = path.read_bytes()
    path.write_bytes(content[:40] + bytes([content[40] ^ 4]) + content[41:])
    damaged = f"{send(copy, s3_folder)}/train/{path.name}"
    for read in (
        lambda: list(read_records(training_data(s3_folder).files)),
        lambda: batches(training_data(s3_folder), 0),
    ):
        with pytest.raises(InputDataError, match=f"^{damaged}: is damaged: .* with --verify"), told_damage():
            read()
    with pytest.raises(InputDataError, match=f"{damaged}: is damaged"):
        ExamplesDirectory.open(s3_folder).verify()
    files.delete(damaged)
    with pytest.raises(InputDataError, match=f"^{damaged}: is missing"):
        ExamplesDirectory.open(s3_folder)


def test_a_cache_without_room_tells_what_to_set(local: Path, url: str, use_cache: UseCache) -> None:
    use_cache(min(sizes(local)) - 1)
    with pytest.raises(OutputError, match="/cache: one file is of .* set TFGREC_CACHE_GB"), told_damage():
        list(read_records(training_data(url).files))


def test_compressed_files_are_read_by_their_ending(s3_folder: str, tmp_path: Path, use_cache: UseCache) -> None:
    use_cache(1000)
    path = tmp_path / "part.tfrecord.gz"
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        writer.write(b"one")
    files.send(path, f"{s3_folder}/part.tfrecord.gz")
    listed = ManifestFile(f"{s3_folder}/part.tfrecord.gz", path.stat().st_size, files.checksum(path))
    assert list(read_records(RecordFiles([listed])).as_numpy_iterator()) == [b"one"]
