"""No function of the library is converted by autograph, which goes through all of TF-GNN's code and takes seconds."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1] / "tfgrec"


def converted_functions(source: str) -> list[int]:
    """The lines that name `tf.function` other than to call it with `autograph=False`."""
    tree = ast.parse(source)
    named = {node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node) == "tf.function"}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.func in named]
    without = {
        call.func
        for call in calls
        for keyword in call.keywords
        if keyword.arg == "autograph" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
    }
    return sorted(node.lineno for node in named - without)


def test_no_function_is_converted() -> None:
    files = sorted(ROOT.rglob("*.py"))
    found = {path.relative_to(ROOT): converted_functions(path.read_text(encoding="utf-8")) for path in files}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_what_would_be_converted_is_found() -> None:
    converted = "f = tf.function(g)\n@tf.function\ndef h(): ...\nk = tf.function(g, autograph=True)\n"
    assert converted_functions(converted + "m = tf.function(g, autograph=False)") == [1, 2, 4]
