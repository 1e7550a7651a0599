"""A Beam runner that calls one transform after another in this process: for tiny inputs, three times as fast as Beam's.

It knows what the jobs are made of: Impulse, ParDo with side inputs and tagged outputs, GroupByKey, Flatten. Nothing is
pickled and nothing runs twice; how the jobs fare on Beam's own runners is tested elsewhere.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any
from unittest import mock

import apache_beam as beam
from apache_beam.internal.util import insert_values_in_args
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.pvalue import AsSideInput, PCollection, TaggedOutput
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState


class EagerRunner(PipelineRunner):
    """Give it to a command as --runner=eager_runner.EagerRunner."""

    def is_fnapi_compatible(self) -> bool:
        """For others, Beam sends the pipeline through protocol buffers and back first."""
        return True

    def apply(self, transform: beam.PTransform, given: Any, options: PipelineOptions) -> Any:
        """What a transform is made of; there are no workers to spread elements over."""
        if isinstance(transform, beam.Reshuffle):
            return given | "not shuffled" >> beam.Map(_same)
        return super().apply(transform, given, options)

    def run_pipeline(self, pipeline: beam.Pipeline, options: PipelineOptions) -> "_Done":
        """Runs a pipeline to its end; what a DoFn raises is raised as it is."""
        pipeline.visit(_Evaluation())
        return _Done(PipelineState.DONE)


@contextlib.contextmanager
def without_checks_of_transforms() -> Iterator[None]:
    """While pipelines are put together, which takes longer than tiny ones run: Beam neither pickles each function nor
    looks for state in it, and parses a runner's options once."""
    views: dict[tuple[int, type], tuple[PipelineOptions, PipelineOptions]] = {}
    view_as = PipelineOptions.view_as

    def view_once(options: PipelineOptions, kind: type) -> PipelineOptions:
        # Together with the options themselves, whose number is no other's as long as they are kept.
        key = id(options), kind
        if key not in views:
            views[key] = options, view_as(options, kind)
        return views[key][1]

    with (
        mock.patch("apache_beam.transforms.ptransform.pickler", mock.Mock(dumps=_same, loads=_same)),
        mock.patch("apache_beam.transforms.userstate.get_dofn_specs", _stateless),
        mock.patch("apache_beam.transforms.userstate.validate_stateful_dofn", _stateless),
        mock.patch.object(PipelineOptions, "view_as", view_once),
    ):
        yield


def _stateless(_dofn: beam.DoFn) -> tuple[set, set]:
    return set(), set()


class _Done(PipelineResult):
    def wait_until_finish(self, duration: int | None = None) -> str:
        return self.state


class _Evaluation(PipelineVisitor):
    """Visits transforms in the order in which they depend on each other, and keeps the elements of each collection."""

    def __init__(self) -> None:
        self._elements: dict[PCollection, list] = {}

    def visit_transform(self, applied: AppliedPTransform) -> None:
        transform = applied.transform
        if isinstance(transform, beam.Impulse):
            outputs = {None: [b""]}
        elif isinstance(transform, beam.ParDo):
            outputs = self._par_do(transform, self._inputs(applied))
        elif isinstance(transform, beam.GroupByKey):
            outputs = {None: _grouped(self._inputs(applied))}
        elif isinstance(transform, beam.Flatten):
            outputs = {None: self._inputs(applied)}
        else:
            raise NotImplementedError(f"{applied.full_label}: {type(transform).__name__}")
        for tag, collection in applied.outputs.items():
            main = tag is None or tag == getattr(transform, "main_tag", None)
            self._elements[collection] = outputs.get(None if main else tag, [])

    def _inputs(self, applied: AppliedPTransform) -> list:
        return [element for collection in applied.inputs for element in self._elements[collection]]

    def _par_do(self, transform: beam.ParDo, elements: Iterable[Any]) -> dict[str | None, list]:
        fn, outputs = transform.fn, {None: []}
        sides = [self._side_input(side) for side in transform.side_inputs]
        args, kwargs = insert_values_in_args(transform.args, transform.kwargs, sides)
        fn.setup()
        fn.start_bundle()
        for element in elements:
            for output in fn.process(element, *args, **kwargs) or ():
                if isinstance(output, TaggedOutput):
                    outputs.setdefault(output.tag, []).append(output.value)
                else:
                    outputs[None].append(output)
        outputs[None] += [windowed.value for windowed in fn.finish_bundle() or ()]
        fn.teardown()
        return outputs

    def _side_input(self, side: AsSideInput) -> Any:
        return side._from_runtime_iterable(self._elements[side.pvalue], side._view_options())


def _same(element: Any) -> Any:
    return element


def _grouped(elements: Iterable[tuple[Any, Any]]) -> list[tuple[Any, list]]:
    groups: dict[Any, list] = {}
    for key, value in elements:
        groups.setdefault(key, []).append(value)
    return list(groups.items())
