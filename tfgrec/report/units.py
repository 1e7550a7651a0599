"""Units in which labels are shown."""


def display_unit(label: str) -> tuple[float, str]:
    """(factor, unit) for a label by the end of its name: milliseconds are shown in seconds, others as they are."""
    return (1e-3, "s") if label.endswith("_ms") else (1.0, "")
