"""The joint model: graph encoder, feature auto-encoder, fusion, towers and loss balancing, one concept a file.

Start at `build.build_joint_model`.
"""
