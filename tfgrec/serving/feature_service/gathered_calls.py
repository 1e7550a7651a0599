"""Questions of several threads answered together, where many at once take less time than one by one."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class GatheredCalls(Generic[Question, Answer]):
    """Answers all at once what has come while others were answered. Nothing waits for more to come.

    A question that comes alone is answered in its own thread. Where an answer fails, each question is answered by
    itself, so that nobody gets another one's error.

    Args:
      answer: of questions, in their order; each answer depends on its own question alone.
      most: questions that are answered at once.
    """

    def __init__(self, answer: Callable[[Sequence[Question]], Sequence[Answer]], *, most: int = 32) -> None:
        self._answer, self._most = answer, most
        self._lock, self._come = threading.Lock(), threading.Semaphore(0)
        self._at_work, self._waiting = False, list[tuple[Question, Future[Answer]]]()
        threading.Thread(target=self._work, name="gathered calls", daemon=True).start()

    def __call__(self, question: Question) -> Answer:
        """The answer to a question; raises what `answer` raises for it."""
        future: Future[Answer] = Future()
        with self._lock:
            alone, self._at_work = not self._at_work, True
            if not alone:
                self._waiting.append((question, future))
        if not alone:
            return future.result()
        try:
            return self._answer([question])[0]
        finally:
            with self._lock:
                self._at_work = bool(self._waiting)
                if self._at_work:
                    self._come.release()

    def _work(self) -> None:
        while True:
            self._come.acquire()
            while together := self._next():
                self._settle(together)

    def _next(self) -> list[tuple[Question, Future[Answer]]]:
        with self._lock:
            together, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            self._at_work = bool(together)
            return together

    def _settle(self, together: list[tuple[Question, Future[Answer]]]) -> None:
        try:
            answers = self._answer([question for question, _ in together])
        except BaseException as error:
            if len(together) == 1:
                together[0][1].set_exception(error)
            else:
                for one in together:
                    self._settle([one])
        else:
            for (_, future), answer in zip(together, answers, strict=True):
                future.set_result(answer)
