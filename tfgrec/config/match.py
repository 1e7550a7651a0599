"""The candidate match, by tied vectors and by item factors."""

from pydantic import Field

from tfgrec.config.base import FrozenConfig, Rate


class FactorsConfig(FrozenConfig):
    """Item factors (`model.match.factors`): a matrix factorisation of users' outcomes, refitted as time goes on.

    It is fitted by alternating least squares. A request reads the newest fit from before it. The user's side is solved
    for each request from the user's history, so that it is never stale and new users have one.

    Attributes:
      outcomes: `{edge set: number}`: which number of the edges from users to items is factorised. Edges need
        times and a `sampling.history`; several edge sets have one factorisation, so that what was liked in one
        domain tells something in another.
      dimension: of an item's factors.
      regularization: penalty on the squares of factors, outcomes being in units of their deviation.
      bias_regularization: the same for biases of users and items.
      refits: how many fits there are before the last training request, with about equally many requests between
        them; one more is fitted after it, and served.
    """

    outcomes: dict[str, str] = Field(min_length=1)
    dimension: int = Field(default=8, ge=1)
    regularization: float = Field(default=4.0, gt=0)
    bias_regularization: float = Field(default=5.0, gt=0)
    refits: int = Field(default=16, ge=1)


class MatchConfig(FrozenConfig):
    """The candidate match (`model.fusion.match`): sizes of its tied vectors, and what keeps them from over-fitting.

    An item has one vector, whether it is a candidate or was met by the user.

    Attributes:
      dimension: width of the vectors.
      buckets: rows of the hashed table that holds all of them.
      keys: what an item's vector is made of besides its id, `{node_set: [features]}`: the sum of the rows of all
        keys, of several values their mean. A feature with the name of a node set holds that set's ids: so an
        author that a user follows matches the author of a video.
      dropout: share of keys hidden in training, so that a new item's author speaks for it.
      l2: penalty on the candidates' vectors.
      content: neighbours that the hops sampled are also matched by their features and encoded states, through one
        linear map for candidate and neighbour alike.
      factors: the match by item factors.
    """

    dimension: int = Field(default=16, ge=1)
    buckets: int = Field(default=50_000, ge=2)
    keys: dict[str, list[str]] = {}
    dropout: Rate = 0.1
    l2: float = Field(default=1e-3, ge=0)
    content: bool = True
    factors: FactorsConfig | None = None
