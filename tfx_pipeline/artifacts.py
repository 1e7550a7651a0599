"""Types of artifacts that TFX does not have; each is named by the path that Kubeflow imports it by.

They have no properties, which Kubeflow would refuse; custom properties they may have.
"""

from tfx.types.artifact import Artifact
from tfx.types.system_artifacts import Dataset

Artifacts = dict[str, list[Artifact]]
"""What TFX gives an executor: by the name of an input or an output its artifacts."""


class GraphStore(Artifact):
    """A graph store, as `tfgrec.graph.store.graph_store.GraphStore` opens it; custom property
    `span` is the run's newest day."""

    TYPE_NAME = "tfx_pipeline.GraphStore"
    TYPE_ANNOTATION = Dataset


class LeakageReport(Artifact):
    """`audit.json`: proof that no record carries its request's future."""

    TYPE_NAME = "tfx_pipeline.LeakageReport"


ANOMALIES_PAGE = "anomalies.html"
"""Among the pages of DataReport."""


class HtmlPages(Artifact):
    """Pages for people: self-contained HTML files."""

    TYPE_NAME = "tfx_pipeline.HtmlPages"
