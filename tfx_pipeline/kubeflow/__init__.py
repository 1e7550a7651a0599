"""The pipeline as Kubeflow Pipelines v2 and Vertex AI run it."""
