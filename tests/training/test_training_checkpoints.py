"""Checkpoints keep the place in the training, and never serve another training than their own."""

from pathlib import Path

import tensorflow as tf

from tfgrec.training.checkpoints import TrainingCheckpoints, TrainingPosition, claim_folders


def test_the_position_comes_back(tmp_path: Path) -> None:
    checkpoints = TrainingCheckpoints(tmp_path)
    assert checkpoints.latest is None and checkpoints.read_position().step == 0
    position = TrainingPosition()
    position.phase, position.epoch, position.step_in_epoch, position.step, position.seconds = 1, 2, 3, 40, 5.5
    checkpoints.manager(position, weight=tf.Variable(1.0)).save(checkpoint_number=1)
    read = checkpoints.read_position()
    assert (read.phase, read.epoch, read.step_in_epoch, read.step, read.seconds) == (1, 2, 3, 40, 5.5)


def test_a_save_that_was_cut_short_leaves_the_one_before(tmp_path: Path) -> None:
    checkpoints, position = TrainingCheckpoints(tmp_path), TrainingPosition()
    manager = checkpoints.manager(position, weight=tf.Variable(1.0))
    position.step = 1
    manager.save(checkpoint_number=1)
    # What a process leaves that is killed while it writes the second one.
    (tmp_path / "ckpt-2.data-00000-of-00001.tempstate123").write_bytes(b"half")
    (tmp_path / "ckpt-2.data-00000-of-00001").write_bytes(b"half")
    assert checkpoints.read_position().step == 1
    position.step = 2
    manager.save(checkpoint_number=2)
    assert checkpoints.read_position().step == 2


def test_another_training_s_checkpoints_are_moved_aside(tmp_path: Path) -> None:
    folders = {"checkpoints": tmp_path / "checkpoints", "logs": tmp_path / "logs"}
    said: list[str] = []
    claim_folders({"arm": "joint"}, **folders, announce=said.append)
    folders["logs"].mkdir()
    (folders["checkpoints"] / "ckpt-1.index").touch()
    (folders["logs"] / "history.jsonl").touch()
    claim_folders({"arm": "joint"}, **folders, announce=said.append)
    assert not said and (folders["checkpoints"] / "ckpt-1.index").exists()

    claim_folders({"arm": "no_graph"}, **folders, announce=said.append)
    assert not (folders["checkpoints"] / "ckpt-1.index").exists() and not folders["logs"].exists()
    assert (tmp_path / "previous-1" / "checkpoints" / "ckpt-1.index").exists()
    assert (tmp_path / "previous-1" / "logs" / "history.jsonl").exists()
    assert "previous-1" in said[0]
    claim_folders({"arm": "joint"}, **folders, announce=said.append)
    assert (tmp_path / "previous-2").is_dir()


def test_checkpoints_that_nobody_signed_are_moved_aside(tmp_path: Path) -> None:
    folders = {"checkpoints": tmp_path / "checkpoints", "logs": tmp_path / "logs"}
    folders["checkpoints"].mkdir()
    (folders["checkpoints"] / "ckpt-1.index").touch()
    claim_folders({"arm": "joint"}, **folders, announce=lambda line: None)
    assert not (folders["checkpoints"] / "ckpt-1.index").exists()


def test_a_record_that_was_never_written_signs_nothing(tmp_path: Path) -> None:
    folders = {"checkpoints": tmp_path / "checkpoints", "logs": tmp_path / "logs"}
    folders["checkpoints"].mkdir()
    (folders["checkpoints"] / ".made_from.json.0a1b").write_text("{")
    said: list[str] = []
    claim_folders({"arm": "joint"}, **folders, announce=said.append)
    assert not said and not list(tmp_path.glob("previous-*"))
    assert (folders["checkpoints"] / "made_from.json").exists()


def test_a_move_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    folders = {"checkpoints": tmp_path / "checkpoints", "logs": tmp_path / "logs"}
    claim_folders({"arm": "joint"}, **folders, announce=print)
    (folders["checkpoints"] / "ckpt-1.index").touch()
    # Of the first two one process was killed before it moved anything, another one after it had moved the logs.
    (tmp_path / "previous-1" / "logs").mkdir(parents=True)
    claim_folders({"arm": "no_graph"}, **folders, announce=print)
    assert [path.name for path in tmp_path.glob("previous-*")] == ["previous-1"]
    assert {path.name for path in (tmp_path / "previous-1").iterdir()} == {"logs", "checkpoints"}
    assert (tmp_path / "previous-1" / "checkpoints" / "ckpt-1.index").exists()


def test_logs_are_never_put_among_those_of_an_earlier_training(tmp_path: Path) -> None:
    folders = {"checkpoints": tmp_path / "checkpoints", "logs": tmp_path / "logs"}
    claim_folders({"arm": "joint"}, **folders, announce=print)
    (folders["checkpoints"] / "ckpt-1.index").touch()
    folders["logs"].mkdir()
    (tmp_path / "previous-1" / "logs").mkdir(parents=True)
    claim_folders({"arm": "no_graph"}, **folders, announce=print)
    assert {path.name for path in (tmp_path / "previous-1").iterdir()} == {"logs"}
    assert {path.name for path in (tmp_path / "previous-2").iterdir()} == {"logs", "checkpoints"}


def test_what_a_killed_process_did_not_finish_or_remove_does_not_stay(tmp_path: Path) -> None:
    checkpoints, position = TrainingCheckpoints(tmp_path), TrainingPosition()
    manager = checkpoints.manager(position, weight=tf.Variable(1.0))
    for number in (1, 2, 3):
        position.step = number
        manager.save(checkpoint_number=number)
    kept = {path.name for path in tmp_path.iterdir()}
    for name in ("ckpt-1.data-00000-of-00001", "ckpt-4.index", "ckpt-4.data-00000-of-00001"):
        (tmp_path / name).write_bytes(b"half")
    restored = checkpoints.manager(position, weight=tf.Variable(0.0))
    assert {path.name for path in tmp_path.iterdir()} == kept
    assert restored.restore_or_initialize() == f"{tmp_path}/ckpt-3"


def test_what_a_killed_save_leaves_among_the_kept_is_forgotten_too(tmp_path: Path) -> None:
    checkpoints = TrainingCheckpoints(tmp_path)
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.build([None, 1])
    for name in ("best-1", "best-2"):
        checkpoints.keep(name, model)
    (tmp_path / "kept" / "best-3_temp").mkdir()
    (tmp_path / "kept" / "best-3_temp" / "part-00000-of-00001.data-00000-of-00001.tempstate12").touch()
    checkpoints.forget_kept(but={"best-2"})
    assert {path.stem for path in (tmp_path / "kept").iterdir()} == {"best-2"}
    checkpoints.restore_kept("best-2", model)
