"""Whether texts that are given as a range order as what they stand for: 02.03.2024 comes before 03.01.2024 as text."""

import re
from typing import Literal

Order = Literal["time", "number", "text"]

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)? ?([Zz]|[+-]\d{2}(:?\d{2})?)?)?")
_WHOLE = re.compile(r"-?\d+")
_DAY_FIRST = re.compile(r"(?<!\d)\d{1,2}[^\d]+\d{1,2}[^\d]+(\d{2}|\d{4})(?!\d)")
_NAMES = re.compile(
    r"(?i)(?<![a-z])(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|"
    r"nov(ember)?|dec(ember)?|mon(day)?|tue(s|sday)?|wed(nesday)?|thu(rs|rsday)?|fri(day)?|sat(urday)?|sun(day)?)"
    r"(?![a-z])"
)


def form_of(text: str) -> str:
    """A text with 0 for each digit: texts of one form with digits of falling weight order as what they stand for."""
    return re.sub(r"\d", "0", text)


def is_date(text: str) -> bool:
    """Whether a text is a day, written 2024-01-31."""
    return len(text) == len("2024-01-31") and _ISO.fullmatch(text) is not None


def order_of(first: str, last: str) -> Order | None:
    """As what a column of text is compared with a range: as times, as numbers, as text, or None if none is safe."""
    if _ISO.fullmatch(first) and _ISO.fullmatch(last):
        return "time"
    if first == last:
        return "text"
    if _WHOLE.fullmatch(first) and _WHOLE.fullmatch(last):
        return "number"
    year_first = re.match(r"\d{4}(?!\d)", first) is not None
    if any(_NAMES.search(text) or (not year_first and _DAY_FIRST.search(text)) for text in (first, last)):
        return None
    groups, of_last = re.findall(r"\d+", first), re.findall(r"\d+", last)
    if not groups and not of_last:
        return "text"
    if form_of(first) != form_of(last):
        return None
    if year_first:
        return "text" if len(groups) <= 2 or all(len(group) > 1 for group in groups) else None
    return "text" if groups[:-1] == of_last[:-1] else None
