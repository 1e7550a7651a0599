"""Sessions of people, and what they answer in them."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Sessions:
    """Sessions of one day, all `[num_sessions]`.

    `users` are positions in the world, `numbers` count a user's sessions of the day, `starts` are ms since 1970,
    `scenarios` positions in SCENARIOS.
    """

    users: np.ndarray
    numbers: np.ndarray
    starts: np.ndarray
    scenarios: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    def taken(self, chosen: np.ndarray) -> "Sessions":
        """Some of them, by positions or a mask."""
        return Sessions(**{field.name: getattr(self, field.name)[chosen] for field in dataclasses.fields(self)})


@dataclasses.dataclass(frozen=True)
class Answers:
    """What people made of one item each, all `[num_sessions]`.

    `stay_ms` is the time that they spent on it, a glance included. `click_probability` is what only the world knows.
    """

    click_probability: np.ndarray
    is_click: np.ndarray
    long_view: np.ndarray
    is_like: np.ndarray
    watch_time_ms: np.ndarray
    stay_ms: np.ndarray
    skipped: np.ndarray
    follows: np.ndarray
