"""Beam options of components, such that workers on this machine get no package that they have no use for.

TFX packs itself, 49 MB in the temporary folder, whenever options say nothing of what workers lack. Workers that Beam's
direct runner starts lack nothing: they are this process, or its children.
"""

from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

# Beam's direct runner in one process. In newer versions "DirectRunner" means another, downloaded program.
DIRECT_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
_DIRECT_RUNNERS = {None, "DirectRunner", DIRECT_RUNNER}
# The only option that says so and that the direct runner does not follow: it starts no containers.
_NOTHING_LACKS = "--sdk_container_image=none"


def without_package(options: Sequence[str]) -> list[str]:
    """The options of a component; for the direct runner with one more, that keeps TFX from packing itself."""
    given = PipelineOptions(list(options)).get_all_options()
    told = ("extra_packages", "setup_file", "requirements_file", "sdk_container_image")
    # Without any option, TFX packs nothing.
    is_elsewhere = PipelineOptions(list(options)).view_as(StandardOptions).runner not in _DIRECT_RUNNERS
    if not options or is_elsewhere or any(given[name] for name in told):
        return list(options)
    return [*options, _NOTHING_LACKS]
