"""The cache of fetched files: right bytes whatever happens to it, within its bound, fetched once."""

import contextlib
import fcntl
import gc
import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from pyarrow import fs
from s3_server import S3Server

from tfgrec import file_systems, files
from tfgrec.errors import ConfigurationError, InputDataError, OutputError
from tfgrec.shard_cache import ShardCache

FORK = multiprocessing.get_context("fork")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def storage_in(folder: Path) -> Iterator[None]:
    """Lets `far://` lead to a local folder, which makes requests cheap."""
    system = fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem())
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(file_systems.MAKERS, "far", lambda authority: system)
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """The folder that is `far://bucket`."""
    (tmp_path / "store" / "bucket").mkdir(parents=True)
    with storage_in(tmp_path / "store"):
        yield tmp_path / "store" / "bucket"


def data_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.data"))


def read(cache: ShardCache, url: str, **expected) -> bytes:
    return cache.map(url, **expected).to_pybytes()


@pytest.mark.parametrize("content", [b"", b"content", bytes(9 << 20)], ids=["empty", "short", "two blocks"])
@pytest.mark.parametrize("known", [True, False])
def test_maps_and_leases_what_lies_there(content: bytes, known: bool, store: Path, tmp_path: Path) -> None:
    (store / "a").write_bytes(content)
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=10 << 20)
    expected = {"bytes": len(content), "sha256": sha256(content)} if known else {}
    assert read(cache, "far://bucket/a", **expected) == content
    if known:
        # Nobody asks for what has its checksum.
        (store / "a").unlink()
    assert read(cache, "far://bucket/a", **expected) == content
    with cache.leased("far://bucket/a", **expected) as path:
        assert Path(path).read_bytes() == content
    assert {file.suffix for file in (tmp_path / "cache").iterdir()} == {".data", ".note"}
    # Whoever writes into it gives it another time, however coarse the disk's clock is.
    assert data_files(tmp_path / "cache")[0].stat().st_mtime < time.time() - 5
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def test_arrow_files_are_mapped(store: Path, tmp_path: Path) -> None:
    table = pa.table({"id": pa.array(range(1000)), "name": [f"name {number}" for number in range(1000)]})
    with pa.ipc.new_file(str(store / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=1 << 20)
    allocated = pa.total_allocated_bytes()
    column = pa.ipc.open_file(cache.map("far://bucket/a.arrow")).read_all()["name"]
    assert pa.total_allocated_bytes() - allocated < 4000
    # The column alone keeps it in the cache.
    gc.collect()
    (store / "b").write_bytes(bytes(1 << 20))
    with pytest.raises(OutputError, match="in use"):
        cache.map("far://bucket/b")
    assert column.to_pylist() == table["name"].to_pylist()
    del column
    assert len(cache.map("far://bucket/b")) == 1 << 20


def test_equal_contents_are_kept_once(store: Path, tmp_path: Path) -> None:
    (store / "a").write_bytes(b"content")
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=100)
    expected = {"bytes": 7, "sha256": sha256(b"content")}
    assert read(cache, "far://bucket/a", **expected) == b"content"
    assert read(cache, "far://bucket/not/there", **expected) == b"content"
    assert len(data_files(tmp_path / "cache")) == 1


def test_a_file_that_was_written_anew_is_fetched_anew(store: Path, tmp_path: Path) -> None:
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=100)
    for content in (b"old", b"newer", b"newes"):
        (store / "a").write_bytes(content)
        os.utime(store / "a", ns=(0, content[-1]))
        assert read(cache, "far://bucket/a") == content


def flip(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(3)
        opened.write(b"X")


DAMAGES = {
    "flipped": flip,
    "cut": lambda file: os.truncate(file, 4),
    "emptied": lambda file: os.truncate(file, 0),
    "longer": lambda file: file.write_bytes(file.read_bytes() + b"more"),
    "deleted": os.remove,
    "replaced": lambda file: (file.unlink(), file.write_bytes(b"other77")),
    "touched": lambda file: os.utime(file),
    "no note": lambda file: file.with_suffix(".note").unlink(),
    "half a note": lambda file: os.truncate(file.with_suffix(".note"), 20),
    "note of another": lambda file: file.with_suffix(".note").write_text("[]"),
}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_copy_is_fetched_again(damage: str, known: bool, store: Path, tmp_path: Path) -> None:
    (store / "a").write_bytes(b"content")
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=100)
    expected = {"bytes": 7, "sha256": sha256(b"content")} if known else {}
    for _ in range(3):
        assert read(cache, "far://bucket/a", **expected) == b"content"
        [file] = data_files(tmp_path / "cache")
        DAMAGES[damage](file)
    with cache.leased("far://bucket/a", **expected) as path:
        assert Path(path).read_bytes() == b"content"


def test_a_copy_that_was_only_touched_is_not_fetched(store: Path, tmp_path: Path) -> None:
    (store / "a").write_bytes(b"content")
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=100)
    expected = {"bytes": 7, "sha256": sha256(b"content")}
    read(cache, "far://bucket/a", **expected)
    (store / "a").unlink()
    [file] = data_files(tmp_path / "cache")
    os.utime(file)
    assert read(cache, "far://bucket/a", **expected) == b"content"
    flip(file)
    with pytest.raises(InputDataError, match="^far://bucket/a: can't be read"):
        read(cache, "far://bucket/a", **expected)


@pytest.mark.parametrize("content", [b"c0ntent", b"conten", b"content and more", b""])
def test_what_is_not_as_its_manifest_says_names_the_url(content: bytes, store: Path, tmp_path: Path) -> None:
    (store / "a").write_bytes(content)
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=100)
    for expected in ({"bytes": 7, "sha256": sha256(b"content")}, {"sha256": sha256(b"content")}, {"bytes": 8}):
        with pytest.raises(InputDataError, match="^far://bucket/a: is damaged: "):
            read(cache, "far://bucket/a", **expected)
    assert not data_files(tmp_path / "cache") and not list((tmp_path / "cache").glob("*"))
    with pytest.raises(InputDataError, match="^far://bucket/b: is missing"):
        read(cache, "far://bucket/b")


def test_what_came_damaged_once_is_asked_for_again(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (store / "a").write_bytes(b"content")
    (store / "torn").write_bytes(b"cont")
    opened = []

    def open_torn_at_first(path: str, **options):
        opened.append(path)
        return open_to_read("far://bucket/torn" if len(opened) == 1 else path, **options)

    open_to_read = files.open_to_read
    monkeypatch.setattr(files, "open_to_read", open_torn_at_first)
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=100)
    assert read(cache, "far://bucket/a") == b"content"
    assert len(opened) == 2


def test_the_least_recently_used_goes_first_and_what_is_in_use_stays(store: Path, tmp_path: Path) -> None:
    for name in "abcde":
        (store / name).write_bytes(name.encode() * 10)
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=30)
    kept = cache.map("far://bucket/a")
    for name in "bcbd":
        read(cache, f"far://bucket/{name}")
        time.sleep(0.02)
    contents = {file.read_bytes()[:1] for file in data_files(tmp_path / "cache")}
    assert contents == {b"a", b"b", b"d"}
    others = [cache.map("far://bucket/b"), cache.map("far://bucket/d")]
    with pytest.raises(OutputError, match=f"^{tmp_path}/cache: has no room for 10 bytes: 30 bytes .*TFGREC_CACHE_GB"):
        cache.map("far://bucket/e")
    assert kept.to_pybytes() == b"a" * 10 and others[0].to_pybytes() == b"b" * 10
    del kept
    assert read(cache, "far://bucket/e") == b"e" * 10
    (store / "big").write_bytes(bytes(31))
    with pytest.raises(OutputError, match="31 bytes.*bounded to 30 bytes: set TFGREC_CACHE_GB"):
        cache.map("far://bucket/big")


def test_another_process_may_use_what_stays(store: Path, tmp_path: Path) -> None:
    for name in "ab":
        (store / name).write_bytes(name.encode() * 10)
    ready, done = FORK.Event(), FORK.Event()

    def use() -> None:
        with ShardCache(folder=tmp_path / "cache", max_bytes=15).leased("far://bucket/a"):
            ready.set()
            done.wait()

    process = FORK.Process(target=use)
    process.start()
    assert ready.wait(60)
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=15)
    with pytest.raises(OutputError, match="10 bytes are in use"):
        cache.map("far://bucket/b")
    done.set()
    process.join()
    assert read(cache, "far://bucket/b") == b"b" * 10


def test_what_is_not_the_caches_is_never_removed(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    others = ["notes.txt", "a.data", f"{'0' * 64}.tmp", f"x{'0' * 64}.data", f"{'A' * 64}.data", ".hidden.part"]
    for name in others:
        (folder / name).write_bytes(b"mine" * 100)
    (folder / "subfolder").mkdir()
    (folder / "subfolder" / f"{'0' * 64}.data").write_bytes(b"mine")
    cache = ShardCache(folder=folder, max_bytes=10)
    for name in "abc":
        (store / name).write_bytes(name.encode() * 10)
        assert read(cache, f"far://bucket/{name}") == name.encode() * 10
    assert len(data_files(folder)) == 4  # Three of them are not the cache's.
    assert all((folder / name).exists() for name in [*others, "subfolder"])
    assert (folder / "subfolder" / f"{'0' * 64}.data").exists()


def test_what_a_killed_process_left_is_cleared(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    (store / "a").write_bytes(b"a" * 10)
    for kind in ("part", "lock", "note"):
        (folder / f"{'0' * 64}.{kind}").write_bytes(b"left" * 100)
    (folder / f"{'1' * 64}.note").write_bytes(b"{}")
    (folder / f"{'2' * 64}.data").write_bytes(b"x" * 10)
    cache = ShardCache(folder=folder, max_bytes=10)
    assert read(cache, "far://bucket/a") == b"a" * 10
    assert {file.name[:3] for file in folder.iterdir()} == {data_files(folder)[0].name[:3]}


def test_a_full_disk_tells_what_to_set(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "a").write_bytes(b"content")

    def full(number: int, block: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    cache = ShardCache(folder=tmp_path / "cache", max_bytes=100)
    with pytest.raises(OutputError, match="/cache: can't be written: No space left.*TFGREC_CACHE_GB.*TFGREC_CACHE_DIR"):
        cache.map("far://bucket/a")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_that_cannot_be_made_tells_what_to_set(store: Path, tmp_path: Path) -> None:
    (store / "a").write_bytes(b"content")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file/cache: can't be written: .*TFGREC_CACHE_DIR"):
        ShardCache(folder=tmp_path / "file" / "cache", max_bytes=100).map("far://bucket/a")


def test_the_hosts_cache_is_as_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made():
        ShardCache.of_host.__func__.cache_clear()
        folder = ShardCache.of_host()._folder
        return folder.path, folder.max_bytes

    try:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.delenv("TFGREC_CACHE_DIR", raising=False)
        monkeypatch.delenv("TFGREC_CACHE_GB", raising=False)
        assert made() == (str(tmp_path / "tfgrec" / "shards"), 100 * 10**9)
        monkeypatch.setenv("TFGREC_CACHE_DIR", "/fast/disk")
        monkeypatch.setenv("TFGREC_CACHE_GB", "0.5")
        assert made() == ("/fast/disk", 5 * 10**8)
        assert ShardCache.of_host() is ShardCache.of_host()
        for wrong in ("0", "-1", "much", "nan", "inf"):
            monkeypatch.setenv("TFGREC_CACHE_GB", wrong)
            with pytest.raises(ConfigurationError, match=f"TFGREC_CACHE_GB: '{wrong}' is no number above zero"):
                made()
    finally:
        ShardCache.of_host.__func__.cache_clear()


def test_many_processes_fetch_once(s3_server: S3Server, s3_folder: str, tmp_path: Path) -> None:
    contents = {f"{s3_folder}/{number}": os.urandom(100_000) for number in range(3)}
    for url, content in contents.items():
        with files.open_to_write(url) as file:
            file.write(content)
    program = """
import json, sys
from tfgrec.shard_cache import ShardCache
print("ready", flush=True)
for url, sha256 in json.loads(sys.stdin.readline()).items():
    ShardCache.of_host().map(url, bytes=100_000, sha256=sha256)
"""
    environment = {**os.environ, "TFGREC_CACHE_DIR": str(tmp_path / "cache")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(4)
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
    for process in processes:
        process.stdin.write(json.dumps({url: sha256(content) for url, content in contents.items()}) + "\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0] * 4
    assert [s3_server.requests("GET", url) for url in contents] == [1, 1, 1]
    assert {file.read_bytes() for file in data_files(tmp_path / "cache")} == set(contents.values())


def test_killed_fetchers_leave_what_the_next_copes_with(store: Path, tmp_path: Path) -> None:
    """Processes fetch, read and are killed at any moment; the bytes are always right, and the bound holds."""
    folder = tmp_path / "cache"
    contents = {f"far://bucket/{number}": bytes([number]) * 200_000 for number in range(4)}
    for url, content in contents.items():
        (store / url[-1]).write_bytes(content)

    def use(seed: int) -> None:
        cache = ShardCache(folder=folder, max_bytes=500_000)
        while True:
            for url in sorted(contents, key=lambda url: hash((seed, url))):
                assert cache.map(url).to_pybytes() == contents[url]
                seed += 1

    cache = ShardCache(folder=folder, max_bytes=500_000)
    for kill in range(25):
        process = FORK.Process(target=use, args=(kill,))
        process.start()
        time.sleep(0.003 * kill)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        for url, content in contents.items():
            assert read(cache, url) == content
        assert sum(file.stat().st_size for file in folder.glob("*.data")) <= 500_000
    assert not list(folder.glob("*.part")) and not list(folder.glob("*.lock"))


def test_processes_that_share_too_small_a_cache(store: Path, tmp_path: Path) -> None:
    """Four at once, each of which uses one file at a time, in room for four files: each always finds room."""
    contents = {f"far://bucket/{number}": bytes([number]) * 1000 for number in range(9)}
    for url, content in contents.items():
        (store / url[-1]).write_bytes(content)

    def use(seed: int) -> None:
        cache = ShardCache(folder=tmp_path / "cache", max_bytes=4000)
        for turn in range(150):
            url = f"far://bucket/{hash((seed, turn)) % 9}"
            assert cache.map(url).to_pybytes() == contents[url]

    processes = [FORK.Process(target=use, args=(seed,)) for seed in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    assert sum(file.stat().st_size for file in (tmp_path / "cache").glob("*.data")) <= 4000


class CacheMachine(RuleBasedStateMachine):
    """A cache and what happens to it, against a picture of it: which bytes there are, and which are in use."""

    BOUND = 100
    mapped = Bundle("mapped")

    @initialize()
    def start(self) -> None:
        self.stack = contextlib.ExitStack()
        self.root = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        (self.root / "store" / "bucket").mkdir(parents=True)
        self.stack.enter_context(storage_in(self.root / "store"))
        self.cache = ShardCache(folder=self.root / "cache", max_bytes=self.BOUND)
        self.contents: dict[str, bytes] = {}
        self.writes = 0

    def teardown(self) -> None:
        self.stack.close()

    @rule(name=st.sampled_from("abcdef"), content=st.binary(max_size=60))
    def write(self, name: str, content: bytes) -> None:
        (self.root / "store" / "bucket" / name).write_bytes(content)
        self.writes += 1
        os.utime(self.root / "store" / "bucket" / name, ns=(0, self.writes))
        self.contents[name] = content

    @rule(target=mapped, name=st.sampled_from("abcdef"), known=st.booleans())
    def map(self, name: str, known: bool):
        if name not in self.contents:
            with pytest.raises(InputDataError, match="missing"):
                self.cache.map(f"far://bucket/{name}")
            return None
        content = self.contents[name]
        expected = {"bytes": len(content), "sha256": sha256(content)} if known else {}
        try:
            buffer = self.cache.map(f"far://bucket/{name}", **expected)
        except OutputError:
            assert self.bytes_in_use() + len(content) > self.BOUND
            return None
        assert buffer.to_pybytes() == content
        return [buffer, content]

    @rule(held=consumes(mapped))
    def release(self, held) -> None:
        if held:
            assert held[0].to_pybytes() == held[1]
            held.clear()

    @rule(place=st.integers(0, 9), damage=st.sampled_from(sorted(DAMAGES)))
    def damage(self, place: int, damage: str) -> None:
        """Only what nobody has mapped: who has, would see it."""
        found = [file for file in data_files(self.root / "cache") if not is_locked(file) and file.stat().st_size > 4]
        if found and found[place % len(found)].with_suffix(".note").exists():
            DAMAGES[damage](found[place % len(found)])

    def bytes_in_use(self) -> int:
        return sum(file.stat().st_size for file in data_files(self.root / "cache") if is_locked(file))

    @invariant()
    def within_the_bound(self) -> None:
        if hasattr(self, "root"):
            assert (
                sum(file.stat().st_size for file in data_files(self.root / "cache")) <= self.BOUND + len(b"more") * 10
            )


def is_locked(file: Path) -> bool:
    with file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(max_examples=40, stateful_step_count=30)
