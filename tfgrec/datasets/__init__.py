"""Published data sets, turned into the tables that schemas/ reads."""

from tfgrec.datasets.movielens import Conversion, convert_movielens

__all__ = ["Conversion", "convert_movielens"]
