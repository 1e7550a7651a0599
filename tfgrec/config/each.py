"""Several definitions written as one: `each` says by what they differ."""

from collections.abc import Iterator, Mapping
from typing import Any

EACH, PLACE = "each", "*"
JSON_SCHEMA = {
    "description": "stands for one definition each: fills the `*` of the name, and of what is said below it",
    "anyOf": [
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
    ],
}


def written_out(definitions: object) -> object:
    """Named definitions, those with `each` as one definition for each of its names.

    `user_*: {of: user, edge_set: "*", each: [liked, loved]}` is `user_liked: {of: user, edge_set: liked}` and the same
    of `loved`. With `each: {likes: liked}` the name gets `likes`, and what is said below it `liked`.

    Raises:
      ValueError: a definition with `each` has no place for its names, or two definitions have one name.
    """
    if not isinstance(definitions, dict):
        return definitions
    found: dict[Any, Any] = {}
    for name, definition in definitions.items():
        for own_name, own in _written_out(name, definition):
            if own_name in found:
                raise ValueError(f"'{own_name}' is defined twice, by '{name}' and before it")
            found[own_name] = own
    return found


def _written_out(name: Any, definition: Any) -> Iterator[tuple[Any, Any]]:
    if not isinstance(definition, dict) or EACH not in definition:
        yield name, definition
        return
    rest = {key: value for key, value in definition.items() if key != EACH}
    for own_name, value in _names(name, definition[EACH]).items():
        yield name.replace(PLACE, own_name), _filled(rest, value)
    if PLACE not in str(rest):
        raise ValueError(f"'{name}' with {EACH}: nothing below it has a '{PLACE}', so that all would be the same")


def _names(name: Any, each: Any) -> Mapping[str, str]:
    if not isinstance(name, str) or PLACE not in name:
        raise ValueError(f"'{name}' with {EACH}: the name needs a '{PLACE}', which is filled by each")
    names = dict(zip(each, each, strict=True)) if isinstance(each, list) and _are_texts(each) else each
    if not isinstance(names, dict) or not names or not _are_texts([*names, *names.values()]):
        raise ValueError(f"'{name}': {EACH} is a list of names, or {{name: what is said below it}}, received {each!r}")
    return names


def _are_texts(values: list) -> bool:
    return all(isinstance(value, str) for value in values)


def _filled(value: Any, text: str) -> Any:
    if isinstance(value, str):
        return value.replace(PLACE, text)
    if isinstance(value, list):
        return [_filled(one, text) for one in value]
    return {key: _filled(one, text) for key, one in value.items()} if isinstance(value, dict) else value
