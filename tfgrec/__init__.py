"""tfgrec trains a graph neural network and a recommender as one model.

What it offers by name, `tfgrec.train` and the others of `tfgrec.offered`, is imported when it is first asked for:
`import tfgrec` costs nothing and imports no TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tfgrec.keras_flavour import require_legacy_keras
from tfgrec.offered import OFFERED

if TYPE_CHECKING:
    from tfgrec.api.loaded_run import LoadedRun as LoadedRun
    from tfgrec.api.loaded_run import load_run as load_run
    from tfgrec.api.runs import compare as compare
    from tfgrec.api.runs import evaluate as evaluate
    from tfgrec.api.runs import sample as sample
    from tfgrec.api.runs import train as train
    from tfgrec.config.loading import load_run_config as load_run_config
    from tfgrec.config.loading import load_tables_config as load_tables_config
    from tfgrec.config.run import RunConfig as RunConfig
    from tfgrec.errors import TfgrecError as TfgrecError
    from tfgrec.examples.example_files import example_config as example_config
    from tfgrec.graph.examples.example_service import ExampleService as ExampleService
    from tfgrec.graph.examples.online_request import OnlineRequest as OnlineRequest
    from tfgrec.graph.schema import GraphSchema as GraphSchema
    from tfgrec.graph.store.graph_store import GraphStore as GraphStore
    from tfgrec.model.auto_encoder.feature_auto_encoder import FeatureAutoEncoder as FeatureAutoEncoder
    from tfgrec.model.balancing.fixed_weights import FixedWeights as FixedWeights
    from tfgrec.model.balancing.gradnorm import GradNorm as GradNorm
    from tfgrec.model.balancing.uncertainty_weights import UncertaintyWeights as UncertaintyWeights
    from tfgrec.model.build import build_joint_model as build_joint_model
    from tfgrec.model.encoder.graph_encoder import GraphEncoder as GraphEncoder
    from tfgrec.model.encoder.shared_projection import SharedProjection as SharedProjection
    from tfgrec.model.fusion.field_fusion import FieldFusion as FieldFusion
    from tfgrec.model.fusion.field_fusion import TaskGate as TaskGate
    from tfgrec.model.joint_model import JointModel as JointModel
    from tfgrec.model.match.candidate_match import CandidateMatch as CandidateMatch
    from tfgrec.model.ranking.mixture_of_experts import MixtureOfExperts as MixtureOfExperts
    from tfgrec.model.ranking.progressive_extraction import ProgressiveExtraction as ProgressiveExtraction
    from tfgrec.model.ranking.towers import RankingTowers as RankingTowers
    from tfgrec.report.arm_comparison import ArmComparison as ArmComparison
    from tfgrec.report.arm_comparison import compare_arms as compare_arms
    from tfgrec.report.graph_drawing import draw_graph as draw_graph
    from tfgrec.simulation.simulate import simulate as simulate

__version__ = "0.1.0"

require_legacy_keras()


def __getattr__(name: str) -> Any:
    """Imports what is offered (PEP 562)."""
    if name not in OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(OFFERED[name]), name)
    return value


def __dir__() -> list[str]:
    """What is here, and what is offered."""
    return sorted({*globals(), *OFFERED})
