"""Calls of many threads: each gets its own answer or its own error, and those that come meanwhile are one call."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tfgrec.serving.feature_service.gathered_calls import GatheredCalls


def doubled(numbers: Sequence[int]) -> list[int]:
    for number in numbers:
        if number % 7 == 0:
            raise ValueError(f"{number} is one of seven")
    return [2 * number for number in numbers]


def test_each_gets_its_own_answer_or_error() -> None:
    call = GatheredCalls(doubled, most=5)

    def ask(number: int) -> object:
        try:
            return call(number)
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(2_000)))
    assert found == [2 * number if number % 7 else f"{number} is one of seven" for number in range(2_000)]


def test_what_comes_meanwhile_is_answered_together() -> None:
    asked, go = [], threading.Event()

    def answer(numbers: Sequence[int]) -> Sequence[int]:
        asked.append(sorted(numbers))
        assert go.wait(60)
        return numbers

    call = GatheredCalls(answer, most=3)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(call, 0)
        while not asked:
            time.sleep(0.001)
        others = [pool.submit(call, number) for number in range(1, 6)]
        while len(call._waiting) < 5:
            time.sleep(0.001)
        go.set()
        assert [first.result(), *(of.result() for of in others)] == list(range(6))
    assert [len(numbers) for numbers in asked] == [1, 3, 2]


def test_one_alone_is_answered_in_its_own_thread() -> None:
    call = GatheredCalls(lambda numbers: [threading.get_ident() for _ in numbers])
    assert call(1) == call(2) == threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        GatheredCalls(lambda numbers: [1 // number for number in numbers])(0)
