"""Whether the model's server loads the model and answers: TFX's InfraValidator, where Docker is there."""

from tfx.components import InfraValidator
from tfx.proto.infra_validator_pb2 import (
    LocalDockerConfig,
    RequestSpec,
    ServingSpec,
    TensorFlowServing,
    TensorFlowServingRequestSpec,
)
from tfx.types import BaseChannel

from tfgrec.serving.signatures.names import SIGNATURE

REQUESTS = RequestSpec(
    tensorflow_serving=TensorFlowServingRequestSpec(signature_names=[SIGNATURE]), split_name="eval", num_examples=3
)


def infra_validator(*, model: BaseChannel, examples: BaseChannel) -> InfraValidator:
    """Starts TF Serving's newest image with the model, and sends it a few requests of the evaluation split."""
    serving = ServingSpec(tensorflow_serving=TensorFlowServing(tags=["latest"]), local_docker=LocalDockerConfig())
    return InfraValidator(model=model, examples=examples, serving_spec=serving, request_spec=REQUESTS)


def docker_answers() -> bool:
    """Whether a Docker daemon answers this process."""
    import docker

    try:
        docker.from_env(timeout=5).ping()
    except Exception:  # Of several libraries, for all ways in which there can be no daemon.
        return False
    return True
