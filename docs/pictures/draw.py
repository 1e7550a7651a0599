"""Draws the pictures of the documentation.

    python docs/pictures/draw.py                                        # those that follow from the pages
    python docs/pictures/draw.py --run runs/demo --requests RUN_DIR     # and those of a run

`architecture.svg` and `comparison.svg` follow from this file and from docs/results.md, and a test holds them to it.
`report.svg` shows the run of `make demo`, `subgraph.svg` a request of a small run, like that of the quickstart.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent
INK, FAINT, PAPER = "#223", "#8b93a1", "#ffffff"
COLOURS = ("#3b7ddd", "#e8833a", "#2f9e6e", "#b65fcf", "#d9486a", "#0f9fb0")
# Of the boxes: what is read, what computes, where losses are.
FILLS = {"data": ("#eef3fb", "#5b7db1"), "layer": ("#eaf6ec", "#4d9a5b"), "loss": ("#fdf3e3", "#c98a2b")}

# name -> kind, column, row, title and what is below it.
PARTS = {
    "record": ("data", 0, 1, "a request's record", "subgraph, candidates"),
    "states": ("layer", 1, 0, "initial states", "a node set's features"),
    "fields": ("layer", 1, 2, "ranker's fields", "request, user, item"),
    "encoder": ("layer", 2, 0, "graph encoder", "rounds of TF-GNN updates"),
    "match": ("layer", 2, 1, "candidate match", "with the user's past"),
    "projection": ("layer", 3, 0, "shared projection", "W, where GradNorm looks"),
    "fusion": ("layer", 3, 2, "fusion, level 1", "gates among fields"),
    "towers": ("layer", 4, 2, "cross layers, towers", "fusion, level 2: task gates"),
    "decoder": ("loss", 4, 0, "GFAE", "rebuilds hidden features"),
    "tasks": ("loss", 5, 2, "a loss a task", "clicks, watch time ..."),
    "gradnorm": ("loss", 5, 0, "GradNorm", "weighs all losses"),
}
ARROWS = (
    ("record", "states"),
    ("record", "fields"),
    ("states", "encoder"),
    ("encoder", "projection"),
    ("encoder", "match"),
    ("projection", "decoder"),
    ("projection", "fusion"),
    ("match", "fusion"),
    ("fields", "fusion"),
    ("fusion", "towers"),
    ("towers", "tasks"),
    ("decoder", "gradnorm"),
    ("tasks", "gradnorm"),
)
_WIDTH, _HEIGHT, _COLUMN, _ROW, _MARGIN = 158, 56, 186, 92, 18


def architecture() -> str:
    """The parts of the model, left to right."""
    size = (2 * _MARGIN + 5 * _COLUMN + _WIDTH, 2 * _MARGIN + 2 * _ROW + _HEIGHT)
    return svg(size, "The parts of the model", [*(_arrow(*ends) for ends in ARROWS), *map(_box, PARTS.values())])


def _corner(part: tuple) -> tuple[int, int]:
    return _MARGIN + part[1] * _COLUMN, _MARGIN + part[2] * _ROW


def _box(part: tuple) -> str:
    (x, y), (fill, stroke) = _corner(part), FILLS[part[0]]
    box = f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="{fill}" stroke="{stroke}"/>'
    middle = x + _WIDTH // 2
    return box + text(middle, y + 24, part[3], bold=True) + text(middle, y + 43, part[4], colour="#556")


def _arrow(source: str, target: str) -> str:
    (x, y), (to_x, to_y) = _corner(PARTS[source]), _corner(PARTS[target])
    if x == to_x:
        ends = (
            x + _WIDTH / 2,
            y + (_HEIGHT if to_y > y else 0),
            to_x + _WIDTH / 2,
            to_y + (0 if to_y > y else _HEIGHT),
        )
    else:
        ends = (x + _WIDTH, y + _HEIGHT / 2, to_x, to_y + _HEIGHT / 2)
    x, y, to_x, to_y = ends
    return f'<line x1="{x:g}" y1="{y:g}" x2="{to_x:g}" y2="{to_y:g}" stroke="#667" marker-end="url(#a)"/>'


def comparison(page: str) -> str:
    """The differences from `joint` in the first table of a page of results, each with its interval."""
    table = page.split("| | ", 1)[1].split("\n\n", 1)[0]
    tasks = [cell.strip() for cell in table.split("\n", 1)[0].split("|") if cell.strip()]
    number = r"([-+]?\.\d+)"
    rows = [
        (name, re.findall(rf"\({number} \[{number}, {number}\]\)", line))
        for name, line in re.findall(r"^\| (.+?) \| (.*)$", table, flags=re.MULTILINE)
    ]
    rows = [(name.replace("`", ""), [tuple(map(float, found)) for found in of]) for name, of in rows if of]
    left, width, top = 210, 520, 46
    low = min(found[1] for _, of in rows for found in of)
    high = max(0.02, *(found[2] for _, of in rows for found in of))

    def place(value: float) -> float:
        return left + width * (value - low) / (high - low)

    # In twentieths.
    ticks = {f"{tick / 20:+.2f}": place(tick / 20) for tick in range(-19, 20) if low <= tick / 20 <= high and tick}
    parts = [_upright(x, top - 8, top + 56 * len(rows), name) for name, x in {**ticks, "joint": place(0)}.items()]
    for row, (name, of) in enumerate(rows):
        parts.append(text(left - 14, top + 56 * row + 26, name, anchor="end"))
        for task, (difference, lowest, highest) in enumerate(of):
            y = top + 56 * row + 12 + 12 * task
            line = f'<line x1="{place(lowest):.1f}" x2="{place(highest):.1f}" y1="{y}" y2="{y}"'
            parts.append(f'{line} stroke="{COLOURS[task]}" stroke-width="2"/>')
            parts.append(f'<circle cx="{place(difference):.1f}" cy="{y}" r="4" fill="{COLOURS[task]}"/>')
    bottom = top + 56 * len(rows) + 26
    parts += _legend(tasks, left, bottom)
    parts.append(text(left + width, bottom, "AUC less joint's, 95% intervals", anchor="end", colour=FAINT))
    return svg((left + width + 40, bottom + 18), "Differences from joint with their intervals", parts)


def report(run_dir: Path) -> str:
    """What the report of a run begins with: a tile a task, and the course of each task's loss."""
    from tfgrec import load_run
    from tfgrec.report.curves import smoothed

    run = load_run(run_dir)
    tasks, history = run.config.model.tasks, run.history.groupby("step").last()
    parts, width = [text(24, 32, f"{run.config.name}: validation", anchor="start", bold=True)], 190
    for column, (name, task) in enumerate(tasks.items()):
        metric = "concordance" if task.kind == "regression" else "auc"
        x, colour = 24 + column * (width + 14), COLOURS[column % len(COLOURS)]
        parts.append(f'<rect x="{x}" y="46" width="{width}" height="66" rx="8" fill="#f6f7f9"/>')
        parts.append(text(x + 14, 68, f"{name} · {metric}", anchor="start", colour="#556"))
        value = run.metrics["validation"][name][metric]
        parts.append(text(x + 14, 98, f"{value:.3f}", anchor="start", bold=True, size=22))
        parts.append(f'<rect x="{x}" y="126" width="{width}" height="120" rx="8" fill="#f6f7f9"/>')
        parts.append(text(x + 14, 146, "loss", anchor="start", colour="#556"))
        losses = history[f"loss/{name}"].dropna()
        parts.append(_course(smoothed(losses.to_numpy(dtype=float), span=9), (x + 12, 156, width - 24, 78), colour))
    return svg((24 + len(tasks) * (width + 14) + 10, 264), "The head of a run's report", parts)


def _course(values: Sequence[float], frame: tuple[int, int, int, int], colour: str) -> str:
    x, y, width, height = frame
    low, high = min(values), max(values)
    points = " ".join(
        f"{x + width * step / max(1, len(values) - 1):.1f},{y + height * (high - value) / ((high - low) or 1):.1f}"
        for step, value in enumerate(values)
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def subgraph(run_dir: Path, *, among: int = 40) -> str:
    """The request with most neighbours among the first of a run's validation split."""
    from tfgrec import draw_graph, load_run

    graphs = load_run(run_dir).records("validation").take(among)
    return draw_graph(max(graphs, key=lambda graph: sum(int(of.total_size) for of in graph.edge_sets.values()))).svg


def svg(size: tuple[float, float], label: str, parts: Sequence[str]) -> str:
    """A whole picture on white paper: pages may be dark."""
    marker = '<marker id="a" markerWidth="8" markerHeight="8" refX="6" refY="3" orient="auto">'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]:g} {size[1]:g}" role="img"'
    return "\n".join(
        [
            f'{head} aria-label="{escape(label)}" font-family="Helvetica,Arial,sans-serif">',
            f'<defs>{marker}<path d="M0,0 L7,3 L0,6 z" fill="#667"/></marker></defs>',
            f'<rect width="100%" height="100%" fill="{PAPER}"/>',
            *parts,
            "</svg>\n",
        ]
    )


def text(
    x: float, y: float, words: str, *, anchor: str = "middle", bold: bool = False, colour: str = INK, size: int = 12
) -> str:
    """One line of text."""
    weight = ' font-weight="600"' if bold else ""
    where = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {where}{weight} fill="{colour}">{escape(words)}</text>'


def _upright(x: float, top: float, bottom: float, name: str) -> str:
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="{FAINT}" stroke-dasharray="3 3"/>'
    return line + text(round(x), top - 6, name, colour=FAINT)


def _legend(names: Sequence[str], x: float, y: float) -> Iterator[str]:
    for place, name in enumerate(names):
        yield f'<circle cx="{x + 90 * place}" cy="{y - 4}" r="4" fill="{COLOURS[place]}"/>'
        yield text(x + 90 * place + 10, y, name, anchor="start")


def main() -> None:
    """Writes the pictures into this folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, metavar="DIR", help="a run to draw the report of")
    parser.add_argument("--requests", type=Path, metavar="DIR", help="a run to draw a request of")
    given = parser.parse_args()
    pictures = {
        "architecture": architecture(),
        "comparison": comparison((FOLDER.parent / "results.md").read_text(encoding="utf-8")),
    }
    if given.run is not None:
        pictures["report"] = report(given.run)
    if given.requests is not None:
        pictures["subgraph"] = subgraph(given.requests)
    for name, picture in pictures.items():
        (FOLDER / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
