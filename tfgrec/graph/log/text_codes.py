"""Texts as small numbers, for columns that grow in memory: most texts of edges are of few kinds."""

import numpy as np
import pyarrow as pa


class TextCodes:
    """Numbers texts in the order in which they first come."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._texts: list[str] = []
        self._known: pa.Array | None = None

    def encoded(self, column: pa.Array) -> np.ndarray:
        """The numbers, int32 `[num_texts]`, of texts."""
        coded = column.dictionary_encode()
        codes = [self._code(text) for text in coded.dictionary.to_pylist()]
        return np.array(codes, np.int32)[coded.indices.to_numpy()]

    def decoded(self, codes: np.ndarray) -> pa.Array:
        """The texts of numbers."""
        if self._known is None or len(self._known) < len(self._texts):
            self._known = pa.array(self._texts, pa.string())
        return self._known.take(pa.array(codes))

    def _code(self, text: str) -> int:
        if text not in self._codes:
            self._codes[text] = len(self._texts)
            self._texts.append(text)
        return self._codes[text]
