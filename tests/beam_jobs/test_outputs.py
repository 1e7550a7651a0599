"""The output folder of a job: what is in it when it is put in its place."""

from pathlib import Path

from beam_jobs.running.outputs import unfinished_output


def test_what_lost_workers_left_half_written_is_not_put_in_place(tmp_path: Path) -> None:
    whole = ["manifest.json", "train/part-0.tfrecord", "nodes/user/0.arrow"]
    left = ["train/part-0.tfrecord.unfinished-0a1b2c3d", "nodes/user/.0.arrow.unfinished-0a1b"]
    with unfinished_output(str(tmp_path / "output")) as folder:
        for name in [*whole, *left]:
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
    found = [str(path.relative_to(tmp_path / "output")) for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(found) == sorted(whole)
