"""Settings of all tests: TensorFlow's messages off, few threads, one Hypothesis profile."""

import os

# Before anything imports TensorFlow or NumPy. Test runs share machines, so they use few threads and no GPU unless told.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import hypothesis  # noqa: E402

# Slow machines make deadlines flaky; a failure must come again on the next run, so examples are not random.
hypothesis.settings.register_profile("tfgrec", deadline=None, derandomize=True)
hypothesis.settings.load_profile("tfgrec")
