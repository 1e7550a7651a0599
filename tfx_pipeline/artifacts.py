"""Types of artifacts that TFX does not have."""

from tfx.types.artifact import Artifact, Property, PropertyType
from tfx.types.system_artifacts import Dataset

SPAN = Property(type=PropertyType.INT)


class GraphStore(Artifact):
    """A graph store, as `tfgrec.graph.store.graph_store.GraphStore` opens it; `span` is the run's newest day."""

    TYPE_NAME = "TfgrecGraphStore"
    TYPE_ANNOTATION = Dataset
    PROPERTIES = {"span": SPAN}


class LeakageReport(Artifact):
    """`audit.json`: proof that no record carries its request's future."""

    TYPE_NAME = "TfgrecLeakageReport"


class HtmlPages(Artifact):
    """Pages for people: self-contained HTML files."""

    TYPE_NAME = "TfgrecHtmlPages"
