"""What `import tfgrec` offers: the module of each name.

Another name is a line here, one in `tfgrec/__init__.py` for type checkers, and one in docs/api.md. A layer or balancer
has an example in its docstring.
"""

OFFERED = {
    # Whole runs, see docs/api.md.
    "train": "tfgrec.api.runs",
    "sample": "tfgrec.api.runs",
    "evaluate": "tfgrec.api.runs",
    "compare": "tfgrec.api.runs",
    "load_run": "tfgrec.api.loaded_run",
    "LoadedRun": "tfgrec.api.loaded_run",
    "example_config": "tfgrec.examples.example_files",
    "simulate": "tfgrec.simulation.simulate",
    "draw_graph": "tfgrec.report.graph_drawing",
    # What they take and give.
    "RunConfig": "tfgrec.config.run",
    "load_run_config": "tfgrec.config.loading",
    "load_tables_config": "tfgrec.config.loading",
    "ArmComparison": "tfgrec.report.arm_comparison",
    "compare_arms": "tfgrec.report.arm_comparison",
    "TfgrecError": "tfgrec.errors",
    # The graph and its requests.
    "GraphSchema": "tfgrec.graph.schema",
    "GraphStore": "tfgrec.graph.store.graph_store",
    "ExampleService": "tfgrec.graph.examples.example_service",
    "OnlineRequest": "tfgrec.graph.examples.online_request",
    # The model and its parts.
    "JointModel": "tfgrec.model.joint_model",
    "build_joint_model": "tfgrec.model.build",
    "GraphEncoder": "tfgrec.model.encoder.graph_encoder",
    "SharedProjection": "tfgrec.model.encoder.shared_projection",
    "FeatureAutoEncoder": "tfgrec.model.auto_encoder.feature_auto_encoder",
    "CandidateMatch": "tfgrec.model.match.candidate_match",
    "FieldFusion": "tfgrec.model.fusion.field_fusion",
    "TaskGate": "tfgrec.model.fusion.field_fusion",
    "RankingTowers": "tfgrec.model.ranking.towers",
    "MixtureOfExperts": "tfgrec.model.ranking.mixture_of_experts",
    "ProgressiveExtraction": "tfgrec.model.ranking.progressive_extraction",
    "GradNorm": "tfgrec.model.balancing.gradnorm",
    "UncertaintyWeights": "tfgrec.model.balancing.uncertainty_weights",
    "FixedWeights": "tfgrec.model.balancing.fixed_weights",
}
