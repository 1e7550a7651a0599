"""The joint model: a package for each of its parts, and at the top what joins them.

Start at `build.build_joint_model`. Packages know those before them alone: features, encoder, auto_encoder, fusion,
ranking, balancing, retrieval, step.
"""
