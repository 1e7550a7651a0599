"""The same seven ratings of three users and four movies, as each source packs them."""

from pathlib import Path

# User, movie, stars, seconds since 1970. The second and third are of one second.
RATINGS = [
    ("1", "10", "5", "978300760"),
    ("1", "20", "3", "978300761"),
    ("2", "10", "2", "978300761"),
    ("2", "30", "4", "978300800"),
    ("3", "40", "1", "978300900"),
    ("3", "10", "4", "978301000"),
    ("1", "30", "5", "978302000"),
]
TITLES = {"10": "Toy Story (1995)", "20": "Misérables, Les (1989)", "30": "Heat: a Story (1995)", "40": "Untitled"}
GENRES = {"10": ["Animation", "Children's"], "20": ["Drama"], "30": ["Drama", "Action"], "40": []}
ALL_GENRES = ["unknown", "Action", "Animation", "Children's", "Drama"]


def write_ml_100k(folder: Path) -> None:
    """u.data and what belongs to it, in Latin-1, with the blank line at the end of u.genre that the original has."""
    _write(folder / "u.data", ["\t".join(row) for row in reversed(RATINGS)])
    _write(folder / "u.user", ["1|24|M|technician|85711", "2|53|F|other|T8H1N", "3|17|F|student|02138"])
    _write(folder / "u.genre", [*(f"{name}|{place}" for place, name in enumerate(ALL_GENRES)), ""])
    flags = {movie: ["1" if name in GENRES[movie] else "0" for name in ALL_GENRES] for movie in TITLES}
    date = "01-Jan-1987"
    _write(folder / "u.item", ["|".join([m, title, date, "", "http://x", *flags[m]]) for m, title in TITLES.items()])


def write_ml_1m(folder: Path) -> None:
    """ratings.dat and what belongs to it, in Latin-1."""
    _write(folder / "ratings.dat", ["::".join(row) for row in RATINGS])
    _write(folder / "users.dat", ["1::M::18::17::85711", "2::F::50::0::T8H1N", "3::F::1::4::02138"])
    _write(folder / "movies.dat", ["::".join([m, title, "|".join(GENRES[m])]) for m, title in TITLES.items()])


def write_csv(folder: Path) -> None:
    """ratings.csv and movies.csv, in UTF-8."""
    _write(folder / "ratings.csv", ["userId,movieId,rating,timestamp", *(",".join(row) for row in RATINGS)], "utf-8")
    genres = {movie: "|".join(names) or "(no genres listed)" for movie, names in GENRES.items()}
    rows = [f'{movie},"{title}",{genres[movie]}' for movie, title in TITLES.items()]
    _write(folder / "movies.csv", ["movieId,title,genres", *rows], "utf-8")


def write_atomic(folder: Path) -> None:
    """RecBole's files, with directors and actors of one movie."""
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    _write(folder / "ml.inter", [header, *("\t".join(row) for row in RATINGS)], "utf-8")
    header = "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token"
    users = ["1\t24\tM\ttechnician\t85711", "2\t53\tF\tother\tT8H1N", "3\t17\tF\tstudent\t02138"]
    _write(folder / "ml.user", [header, *users], "utf-8")
    header = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq"
    years = {"10": "1995", "20": "1989", "30": "1995", "40": "1987"}
    movies = ["\t".join([movie, title, years[movie], " ".join(GENRES[movie])]) for movie, title in TITLES.items()]
    _write(folder / "ml.item", [header, *movies], "utf-8")
    _write(folder / "ml.link", ["item_id:token\tentity_id:token", "10\tm.toy", "30\tm.heat"], "utf-8")
    facts = [
        "m.heat\tfilm.film.directed_by\tm.mann",
        "m.mann\tfilm.director.film\tm.heat",
        "m.heat\tfilm.film.actor\tm.pacino",
        "m.heat\tfilm.film.actor\tm.de_niro",
        "m.other\tfilm.film.actor\tm.nobody",
    ]
    _write(folder / "ml.kg", ["head_id:token\trelation_id:token\ttail_id:token", *facts], "utf-8")


WRITERS = {"ml-100k": write_ml_100k, "ml-1m": write_ml_1m, "csv": write_csv, "recbole": write_atomic}


def _write(path: Path, lines: list[str], encoding: str = "latin-1") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
