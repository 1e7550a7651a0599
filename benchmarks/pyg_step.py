"""Trains PyTorch Geometric's hetero GraphSAGE on batches of `pyg_batches`: run by `pyg_peer` in a Python of its own.

python pyg_step.py FOLDER: says what it is (JSON) when it is warm; for every line read it trains on all batches once and
prints the seconds.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch_geometric
from torch import nn
from torch_geometric.nn import HeteroConv, SAGEConv

_UNITS, _DIMENSION, _ROUNDS, _BOTTOM, _TOWER = 64, 8, 2, 128, 64
_READOUT = "_readout"


class Features(nn.Module):
    """A node set's features as one vector a node: embeddings of 8 dimensions, means of several, and numbers."""

    def __init__(self, arrays: dict, name: str) -> None:
        super().__init__()
        self._name = name
        self._several = sorted(
            key[: -len("/values")] for key in arrays if key.startswith(f"{name}/") and key.endswith("/values")
        )
        self._table = nn.Embedding(int(arrays.get(f"sizes/{name}", 0)) or 1, _DIMENSION)
        numbers, categories = arrays[f"{name}/numbers"].shape[1], arrays[f"{name}/categories"].shape[1]
        self.width = numbers + _DIMENSION * (categories + len(self._several))

    def forward(self, arrays: dict) -> torch.Tensor:
        numbers, categories = arrays[f"{self._name}/numbers"], arrays[f"{self._name}/categories"]
        parts = [numbers, self._table(categories).flatten(1)]
        for key in self._several:
            rows, embedded = arrays[f"{key}/rows"], self._table(arrays[f"{key}/values"])
            sums = embedded.new_zeros(len(numbers), _DIMENSION).index_add_(0, rows, embedded)
            counts = torch.bincount(rows, minlength=len(numbers)).clamp(min=1)
            parts.append(sums / counts[:, None])
        return torch.cat(parts, dim=1)


class Model(nn.Module):
    """Two rounds of hetero GraphSAGE, then a shared bottom and a tower a task on states, their product and features."""

    def __init__(self, arrays: dict) -> None:
        super().__init__()
        self._edges = {tuple(key.split("/")[1:]): key for key in arrays if key.startswith("edges/")}
        self._roots = sorted(key.split("/")[1] for key in arrays if key.startswith("roots/"))
        names = {name for source, _, target in self._edges for name in (source, target)}
        self.features = nn.ModuleDict({name: Features(arrays, name) for name in sorted({*names, _READOUT})})
        self.states = nn.ModuleDict({name: nn.Linear(self.features[name].width, _UNITS) for name in sorted(names)})
        self.rounds = nn.ModuleList(
            HeteroConv({(t, name, s): SAGEConv((_UNITS, _UNITS), _UNITS) for s, name, t in self._edges}, aggr="sum")
            for _ in range(_ROUNDS)
        )
        own = sum(self.features[name].width for name in (*self._roots, _READOUT))
        self.bottom = nn.Sequential(nn.Linear(own + 3 * _UNITS, _BOTTOM), nn.ReLU())
        tasks = arrays["labels"].shape[1]
        self.towers = nn.ModuleList(
            nn.Sequential(nn.Linear(_BOTTOM, _TOWER), nn.ReLU(), nn.Linear(_TOWER, 1)) for _ in range(tasks)
        )

    def forward(self, arrays: dict) -> torch.Tensor:
        encoded = {name: features(arrays) for name, features in self.features.items()}
        states = {name: linear(encoded[name]).relu() for name, linear in self.states.items()}
        edges = {(t, name, s): arrays[key] for (s, name, t), key in self._edges.items()}
        for update in self.rounds:
            states = {name: state.relu() for name, state in update(states, edges).items()}
        roots = [(name, arrays[f"roots/{name}"]) for name in self._roots]
        first, second = (states[name][nodes] for name, nodes in roots)
        own = [encoded[name][nodes] for name, nodes in roots]
        hidden = self.bottom(torch.cat([first, second, first * second, *own, encoded[_READOUT]], dim=1))
        return torch.cat([tower(hidden) for tower in self.towers], dim=1)


def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The sum of the tasks' mean losses: cross-entropy of labels 0 and 1, Huber loss of the logarithm of others."""
    total = logits.new_zeros(())
    for column in range(labels.shape[1]):
        known = ~labels[:, column].isnan()
        target, logit = labels[known, column], logits[known, column]
        if len(target) and target.max() > 1:
            total = total + nn.functional.huber_loss(logit, torch.log1p(target / 1000))
        elif len(target):
            total = total + nn.functional.binary_cross_entropy_with_logits(logit, target)
    return total


def main() -> None:
    """The command."""
    files = sorted(Path(sys.argv[1]).glob("*.npz"))
    batches = [{key: torch.from_numpy(np.asarray(value)) for key, value in np.load(file).items()} for file in files]
    model = Model(batches[0])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def train() -> float:
        started = time.perf_counter()
        for batch in batches:
            optimizer.zero_grad()
            loss_of(model(batch), batch["labels"]).backward()
            optimizer.step()
        return time.perf_counter() - started

    train()
    versions = {"torch": torch.__version__, "torch_geometric": torch_geometric.__version__}
    print(json.dumps({**versions, "threads": torch.get_num_threads()}), flush=True)
    for _ in sys.stdin:
        print(train(), flush=True)


if __name__ == "__main__":
    main()
