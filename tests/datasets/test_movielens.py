"""Every packing of MovieLens becomes the same tables; what is wrong is named by file and line."""

import json
from pathlib import Path

import movielens_sources as sources
import pandas as pd
import pytest

from tfgrec.commands.convert import main
from tfgrec.datasets import convert_movielens
from tfgrec.errors import InputDataError


def converted(folder: Path, source: str) -> dict[str, pd.DataFrame]:
    sources.WRITERS[source](folder / "source")
    convert_movielens(folder / "source", folder / "data")
    return read(folder / "data")


def read(folder: Path) -> dict[str, pd.DataFrame]:
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("ratings", "users", "movies")}


@pytest.mark.parametrize("source", sources.WRITERS)
def test_ratings_are_in_the_order_of_time_with_labels(tmp_path: Path, source: str) -> None:
    ratings = converted(tmp_path, source)["ratings"]
    assert list(zip(ratings.user_id, ratings.movie_id, ratings.rating, ratings.time, strict=True)) == sorted(
        [(int(u), int(m), float(r), int(t)) for u, m, r, t in sources.RATINGS],
        key=lambda row: (row[3], -row[0] if source == "ml-100k" else row[0]),
    )
    by_stars = {5.0: (1, 1, 0, 0), 4.0: (1, 0, 0, 0), 3.0: (0, 0, 1, 0), 2.0: (0, 0, 0, 1), 1.0: (0, 0, 0, 1)}
    labels = ratings[["liked", "loved", "middling", "disliked"]].itertuples(index=False, name=None)
    assert list(labels) == [by_stars[stars] for stars in ratings.rating]
    # Hundredths of the seven that are older; the second and the third row are of one second.
    assert ratings["slice"].tolist() == [0, 14, 14, 42, 57, 71, 85]


@pytest.mark.parametrize("source", sources.WRITERS)
def test_movies_have_genres_year_and_decade(tmp_path: Path, source: str) -> None:
    movies = converted(tmp_path, source)["movies"].set_index("movie_id")
    assert movies.title.tolist() == list(sources.TITLES.values())
    assert {str(movie): set(filter(None, cell.split("|"))) for movie, cell in movies.genres.items()} == {
        movie: set(names) for movie, names in sources.GENRES.items()
    }
    dated = source in ("ml-100k", "recbole")
    assert movies.year.fillna(0).tolist() == [1995, 1989, 1995, 1987 if dated else 0]
    assert movies.decade.tolist() == ["1990s", "1980s", "1990s", "1980s" if dated else "unknown"]


@pytest.mark.parametrize("source", sources.WRITERS)
def test_users_are_told_in_the_same_words(tmp_path: Path, source: str) -> None:
    users = converted(tmp_path, source)["users"].set_index("user_id").sort_index()
    if source == "csv":
        assert (users == "unknown").all(axis=None) and users.index.tolist() == [1, 2, 3]
        return
    assert users.age_band.tolist() == ["18-24", "50-55", "under 18"]
    assert users.gender.tolist() == ["M", "F", "F"]
    assert users.zip_area.tolist() == ["8", "abroad", "0"]
    expected = ["technician", "other", "student"]
    assert users.occupation.tolist() == (
        ["technician/engineer", "other", "college/grad student"] if source == "ml-1m" else expected
    )


def test_directors_and_actors_come_from_the_knowledge_graph(tmp_path: Path) -> None:
    movies = converted(tmp_path, "recbole")["movies"].set_index("movie_id")
    assert movies.directors.to_dict() == {10: "", 20: "", 30: "m.mann", 40: ""}
    assert movies.actors.to_dict() == {10: "", 20: "", 30: "m.pacino|m.de_niro", 40: ""}


@pytest.mark.parametrize("kind", ["token", "token_seq"])
def test_directors_in_an_item_file(tmp_path: Path, kind: str) -> None:
    sources.write_atomic(tmp_path)
    names = "Ann Lee|Bo" if kind == "token" else "Ann Bo"
    (tmp_path / "ml.item").write_text(f"item_id:token\tdirector:{kind}\n10\t{names}\n30\t\n")
    convert_movielens(tmp_path, tmp_path / "data")
    directors = read(tmp_path / "data")["movies"].set_index("movie_id").directors
    expected = "Ann Lee|Bo" if kind == "token" else "Ann|Bo"
    # A film without directors of its own has those of the knowledge graph.
    assert directors.to_dict() == {10: expected, 20: "", 30: "m.mann", 40: ""}


@pytest.mark.parametrize("source", sources.WRITERS)
def test_credits_may_lie_beside_any_source(tmp_path: Path, source: str) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "credits.csv").write_text('movie_id,actors\n10,"Hanks, Tom | Allen, Tim|"\n99,Nobody\n')
    movies = converted(tmp_path, source)["movies"].set_index("movie_id")
    assert movies.actors[10] == "Hanks, Tom|Allen, Tim"
    assert movies.directors[10] == ""
    assert json.loads((tmp_path / "data" / "conversion.json").read_text())["notes"][0] == (
        "credits.csv: 1 movies that the source does not have were left out"
    )


def test_who_only_ratings_name_has_a_row(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    sources.write_ml_1m(tmp_path)
    (tmp_path / "users.dat").write_text("1::M::18::17::85711\n")
    assert main(["movielens", "--source", str(tmp_path), "--output", str(tmp_path / "data")]) == 0
    users = read(tmp_path / "data")["users"]
    assert users.user_id.tolist() == [1, 2, 3] and users.gender.tolist() == ["M", "unknown", "unknown"]
    assert "users: 2 that only ratings name were added" in capsys.readouterr().out


def test_ids_that_are_no_numbers_are_numbered(tmp_path: Path) -> None:
    sources.write_atomic(tmp_path)
    for path in (tmp_path / "ml.inter", tmp_path / "ml.item"):
        path.write_text(path.read_text().replace("\t10\t", "\tten\t").replace("\n10\t", "\nten\t"))
    convert_movielens(tmp_path, tmp_path / "data")
    tables = read(tmp_path / "data")
    numbers = tables["movies"].set_index("source_id").movie_id
    assert numbers.to_dict() == {"20": 1, "30": 2, "40": 3, "ten": 4}
    assert tables["ratings"].movie_id.tolist() == [4, 1, 4, 2, 3, 4, 2]
    assert "source_id" not in tables["users"]


def test_exact_repetitions_are_left_out_and_told(tmp_path: Path) -> None:
    sources.write_ml_1m(tmp_path)
    path = tmp_path / "ratings.dat"
    path.write_text(path.read_text() + "1::10::5::978300760\n1::10::4::978300760\n")
    conversion = convert_movielens(tmp_path, tmp_path / "data")
    assert conversion.rows["ratings.parquet"] == 8
    assert conversion.notes == ["ratings: 1 exact repetitions were left out"]


@pytest.mark.parametrize(
    ("source", "file", "old", "new", "message"),
    [
        ("ml-1m", "ratings.dat", "1::20::3::", "1::20::x::", "ratings.dat, line 2: rating is 'x': a number of stars"),
        ("ml-1m", "ratings.dat", "1::20::3::", "1::20::30::", "ratings.dat, line 2: rating is '30': a number of stars"),
        ("ml-1m", "ratings.dat", "978300800", "978300800000", "line 4: time is '978300800000': a time in seconds"),
        ("ml-1m", "ratings.dat", "2::30::4::", "2::30::", "line 4: has 3 cells, 4 are wanted: '2::30::978300800'"),
        ("ml-1m", "users.dat", "2::F", "1::F", "users.dat, line 2: user_id is '1': each id is wanted once"),
        ("ml-1m", "movies.dat", "\n20::", "\n::", "movies.dat, line 2: movie_id is '': an id is wanted"),
        ("ml-100k", "u.data", "2\t10\t2", "2\t10\tnan", "u.data, line 5: rating is 'nan': a number of stars"),
        ("ml-100k", "u.item", "|0|0|1|1|0", "|0|0|1|7|0", "u.item, line 1: Children's is '7': 0 or 1 is wanted"),
        ("ml-100k", "u.item", "|0|0|1|1|0", "|0|0|1|1", "u.item, line 1: has 9 cells, 10 are wanted"),
        ("csv", "ratings.csv", "2,10,2,", "2,10,,", "ratings.csv, line 4: rating is '': a number of stars"),
        ("csv", "ratings.csv", "timestamp", "timestmap", "has no column 'timestamp': did you mean 'timestmap'?"),
        ("recbole", "ml.inter", "\t20\t3", "\t20\tx", "ml.inter, line 3: rating is 'x': a number of stars"),
        ("recbole", "ml.inter", "rating:float", "stars:float", "ml.inter: has no column 'rating': known: "),
        ("recbole", "ml.item", "class:token_seq", "class", "line 1: 'class' is wanted as <column>:<type>"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, source: str, file: str, old: str, new: str, message: str) -> None:
    sources.WRITERS[source](tmp_path)
    path = tmp_path / file
    content = path.read_bytes()
    assert old.encode() in content
    path.write_bytes(content.replace(old.encode(), new.encode(), 1))
    with pytest.raises(InputDataError) as error:
        convert_movielens(tmp_path, tmp_path / "data")
    assert message in str(error.value)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("columns", ["movie_id,people\n", "movie,directors\n"])
def test_credits_of_other_columns_are_refused(tmp_path: Path, columns: str) -> None:
    sources.write_csv(tmp_path)
    (tmp_path / "credits.csv").write_text(columns + "10,Ann\n")
    with pytest.raises(InputDataError, match="credits.csv"):
        convert_movielens(tmp_path, tmp_path / "data")


def test_a_source_of_no_or_of_two_formats_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "readme.txt").touch()
    arguments = ["movielens", "--source", str(tmp_path / "source"), "--output", str(tmp_path / "data")]
    assert main(arguments) == 2
    assert "has none of u.data, ratings.dat, ratings.csv, *.inter" in capsys.readouterr().err
    sources.write_ml_1m(tmp_path / "source")
    sources.write_csv(tmp_path / "source")
    assert main(arguments) == 2
    assert "has files of several formats (ratings.dat, ratings.csv)" in capsys.readouterr().err


def test_a_folder_of_others_is_not_touched(tmp_path: Path) -> None:
    sources.write_ml_1m(tmp_path / "source")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ratings.parquet").write_text("mine")
    with pytest.raises(InputDataError, match="not written by tfgrec-convert"):
        convert_movielens(tmp_path / "source", tmp_path / "data")
    assert (tmp_path / "data" / "ratings.parquet").read_text() == "mine"
    for _ in range(2):
        convert_movielens(tmp_path / "source", tmp_path / "again")
