"""What is kept and what goes of old runs, in ML Metadata and on the disk."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_artifacts import FILES
from memory_artifacts import ROOT as BUCKET
from retention_world import BYTES, FAILED, LIVE, REMOVED, RUNNING, MadeUpPipeline, fingerprint_of

from tfgrec.config.pipeline import PipelineConfig
from tfgrec.errors import OutputError
from tfx_pipeline.local import folder_removal
from tfx_pipeline.local.folder_removal import remove_folder

STOPS = [None, None, None, ("Trainer", FAILED), ("SubgraphExampleGen", RUNNING), ("Trainer", RUNNING), ("Pusher", None)]
RUNS = st.tuples(st.sampled_from("123"), st.booleans(), st.sampled_from(STOPS), st.sampled_from([0, 0, 1, 2]))


@pytest.fixture
def pipeline(tmp_path: Path) -> MadeUpPipeline:
    """Its metadata are in memory."""
    return MadeUpPipeline(tmp_path)


def kept_by_rule(pipeline: MadeUpPipeline, keep_runs: int) -> tuple[set[int], list[Path]]:
    """Artifacts that have to stay, and half-written folders that may still be gone on with."""
    complete = [number for number, run in enumerate(pipeline.runs) if run.complete]
    runs = pipeline.runs[complete[-keep_runs] if len(complete) >= keep_runs else 0 :]
    stores = sorted(pipeline.live("tfx_pipeline.GraphStore"))[-1:]
    kept = {*stores, *pipeline.newest_blessed(2), *(artifact for run in runs for artifact in run.touched)}
    return kept, [folder for run in runs for folder in run.half_written]


def check_consistent(pipeline: MadeUpPipeline) -> None:
    for artifact in pipeline.artifacts():
        whole = Path(artifact.uri, "Split-train", "part").exists()
        assert whole or artifact.state != LIVE, f"{artifact.uri} is promised, and gone"


@settings(max_examples=40)
@given(runs=st.lists(RUNS, min_size=2, max_size=7))
def test_exactly_what_no_kept_run_needs_goes(runs: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    pipeline = MadeUpPipeline(tmp_path_factory.mktemp("root"))
    for day, blessed, stop, keep_runs in runs:
        run = pipeline.run(day, blessed=blessed, stop=stop)
        if not run.complete or not keep_runs:
            continue
        before = pipeline.live()
        kept, half_written = kept_by_rule(pipeline, keep_runs)
        gone = {artifact.id for artifact in pipeline.artifacts() if artifact.type in REMOVED} & before - kept
        folders = [folder for run in pipeline.runs for folder in run.half_written if folder.exists()]
        removal = pipeline.retain(keep_runs)
        assert pipeline.live() == before - gone
        for artifact in pipeline.artifacts():
            assert Path(artifact.uri).exists() == (artifact.state == LIVE)
        assert [folder for folder in folders if folder.exists()] == half_written
        assert removal.folders == len(gone) + len(folders) - len(half_written)
        assert (removal.freed, removal.left) == (BYTES * removal.folders, [])
        assert pipeline.retain(keep_runs).told() == []


def test_the_blessed_model_of_long_ago_stays_and_is_compared_with(pipeline: MadeUpPipeline) -> None:
    pipeline.run("1", blessed=True)
    (blessed,) = pipeline.live("Model")
    for day in "2345":
        run = pipeline.run(day, blessed=False)
        pipeline.retain(1)
        assert blessed in run.touched
        assert pipeline.live("Model") == {blessed, max(pipeline.live("Model"))}
    assert len(pipeline.live("Examples")) == len(pipeline.live("tfx_pipeline.GraphStore")) == 1
    assert len(pipeline.live("tfx_pipeline.HtmlPages")) == len(pipeline.live("ModelEvaluation")) == 5


def test_the_run_of_the_newest_blessed_model_is_compared_as_before_when_it_is_repeated(
    pipeline: MadeUpPipeline,
) -> None:
    pipeline.run("1")
    (before,) = pipeline.live("Model")
    pipeline.run("2")
    for day in "34":
        pipeline.run(day, blessed=False)
    pipeline.retain(1)
    again = pipeline.run("2")
    assert len(again.touched & pipeline.live("Model")) == 2 and before in again.touched


def test_a_day_whose_records_are_gone_is_made_anew(pipeline: MadeUpPipeline) -> None:
    first = pipeline.run("1").touched
    assert pipeline.run("1").touched == first
    pipeline.run("2")
    removal = pipeline.retain(1)
    assert removal.told() == ["Removed what only earlier runs needed: 4 folders, 0.00 GB."]
    again = pipeline.run("1").touched
    assert again <= pipeline.live() and not again & first
    assert pipeline.run("1").touched == again


def test_what_several_runs_use_goes_with_the_last_of_them(pipeline: MadeUpPipeline) -> None:
    first = pipeline.run("1", blessed=False).touched
    pipeline.run("2", blessed=False)
    pipeline.run("1", blessed=False)
    pipeline.retain(1)
    assert first <= pipeline.live()
    pipeline.run("3", blessed=False)
    pipeline.retain(1)
    assert not first & pipeline.live("Examples")


@pytest.mark.parametrize("killed_at", range(7))
def test_a_removal_that_is_killed_promises_nothing_and_is_finished_by_the_next(
    killed_at: int, pipeline: MadeUpPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in "1234":
        pipeline.run(day, blessed=day == "1")
    kept, _ = kept_by_rule(pipeline, 1)
    steps = iter(range(100))

    def killed_in(step):
        def stopping(*arguments):
            if next(steps) == killed_at:
                if step is shutil.rmtree:
                    step(f"{arguments[0]}/Split-train")
                raise KeyboardInterrupt
            return step(*arguments)

        return stopping

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(folder_removal.shutil, "rmtree", killed_in(shutil.rmtree))
        patched.setattr(pipeline.store, "put_artifacts", killed_in(pipeline.store.put_artifacts))
        pipeline.retain(1)
    check_consistent(pipeline)
    # The next call is that of a later run, for which other artifacts are kept, too.
    again = pipeline.run("4", blessed=False)
    assert again.touched <= pipeline.live()
    pipeline.retain(1)
    check_consistent(pipeline)
    kept_now = {artifact.id for artifact in pipeline.artifacts() if Path(artifact.uri).exists()}
    assert {artifact.id for artifact in pipeline.artifacts() if artifact.state == LIVE} == kept_now
    assert kept_now >= kept and not pipeline.live("Examples") - kept


def test_a_folder_that_cannot_be_removed_is_told_and_tried_again(pipeline: MadeUpPipeline, monkeypatch) -> None:
    for day in "12":
        pipeline.run(day, blessed=False)

    def refusing(folder: str) -> None:
        raise PermissionError(f"not allowed: {folder}")

    with monkeypatch.context() as patched:
        patched.setattr(folder_removal.shutil, "rmtree", refusing)
        removal = pipeline.retain(1)
    (told,) = removal.told()
    assert told.startswith("Left, though only earlier runs needed them: 5; ") and "not allowed" in told, told
    assert pipeline.retain(1).folders == 5


def test_links_are_not_followed(pipeline: MadeUpPipeline, tmp_path: Path) -> None:
    pipeline.run("1", blessed=False)
    elsewhere = tmp_path / "elsewhere"
    graph, examples = (tmp_path / "artifacts" / path for path in ("GraphBuilder/graph", "SubgraphExampleGen/examples"))
    (elsewhere / "kept").mkdir(parents=True)
    (elsewhere / "kept" / "file").write_text("mine")
    # A link in a folder that goes, and a folder that was put elsewhere.
    (linking,) = graph.iterdir()
    (linking / "link").symlink_to(elsewhere)
    (moved,) = examples.iterdir()
    moved.rename(elsewhere / "moved")
    moved.symlink_to(elsewhere / "moved")
    pipeline.run("2", blessed=False)
    removal = pipeline.retain(1)
    assert not linking.exists() and (elsewhere / "kept" / "file").read_text() == "mine"
    assert (elsewhere / "moved" / "Split-train" / "part").exists()
    assert removal.left == [f"{moved}: leads to {elsewhere / 'moved'}"]
    assert len(pipeline.live("Examples")) == 2


def test_the_artifacts_of_a_copied_root_stay(pipeline: MadeUpPipeline, tmp_path: Path) -> None:
    """A copy's metadata name the original's folders."""
    pipeline.run("1", blessed=False)
    pipeline.root = tmp_path / "copy"
    pipeline.run("2", blessed=False)
    before = pipeline.live()
    removal = pipeline.retain(1)
    assert (pipeline.live(), removal.folders, len(removal.left)) == (before, 0, 5)
    check_consistent(pipeline)


def test_runs_of_another_pipeline_below_the_same_root_stay(pipeline: MadeUpPipeline, tmp_path: Path) -> None:
    other = MadeUpPipeline(tmp_path, pipeline.store, "other")
    other.run("1")
    before = other.live()
    for day in "123":
        pipeline.run(day)
    other.run("2", stop=("Trainer", RUNNING))
    assert pipeline.retain(1).folders > 0
    assert before <= other.live()
    assert all(folder.exists() for folder in other.runs[-1].half_written)


def test_unfinished_trainings_go_with_the_last_run_that_knows_them(pipeline: MadeUpPipeline, tmp_path: Path) -> None:
    work = tmp_path / "work"
    for day in "12":
        pipeline.run(day, stop=("Trainer", RUNNING))
        (work / fingerprint_of(day)).mkdir(parents=True)
    (work / "of somebody else").mkdir()
    pipeline.run("2", stop=("Evaluator", FAILED))
    pipeline.run("3")
    assert pipeline.retain(2).folders == 0
    pipeline.run("2", stop=("Trainer", RUNNING))
    pipeline.run("4")
    pipeline.retain(2)
    assert {folder.name for folder in work.iterdir()} == {fingerprint_of("2"), "of somebody else"}


def test_folders_on_any_file_system_are_removed() -> None:
    files = {f"{BUCKET}/artifacts/Trainer/model/{name}": b"12345" for name in ("7/a", "7/b/c", "70/a")}
    FILES.update(files)
    root = f"{BUCKET}/artifacts"
    assert remove_folder(f"{root}/Trainer/model/7", root) == 10
    assert remove_folder(f"{root}/Trainer/model/7", root) == 0
    assert files.keys() & FILES.keys() == {f"{root}/Trainer/model/70/a"}


@pytest.mark.parametrize("folder", ["{root}", "{root}/", "{root}/../other", "{root}-other/1", "/", ""])
def test_what_is_not_below_the_root_is_never_removed(folder: str, tmp_path: Path) -> None:
    for name in ("artifacts", "artifacts-other/1", "other"):
        (tmp_path / name).mkdir(parents=True)
    root = str(tmp_path / "artifacts")
    with pytest.raises(OutputError, match="does not lie below"):
        remove_folder(folder.format(root=root), root)
    assert set(os.listdir(tmp_path)) == {"artifacts", "artifacts-other", "other"}


def test_shared_files_are_free_with_their_last_name(tmp_path: Path) -> None:
    """As graph stores share the files that a new day did not change."""
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
    (tmp_path / "1" / "part").write_bytes(bytes(7))
    os.link(tmp_path / "1" / "part", tmp_path / "2" / "part")
    assert [remove_folder(str(tmp_path / name), str(tmp_path)) for name in ("1", "2")] == [0, 7]


def test_at_least_one_run_is_kept() -> None:
    assert PipelineConfig().keep_runs is None
    with pytest.raises(ValueError, match="keep_runs"):
        PipelineConfig(keep_runs=0)
