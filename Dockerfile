# tfgrec with the dependencies of requirements/stack-a.lock: for Kubeflow and Vertex AI, and for Beam workers on Dataflow.
#   docker build -t IMAGE . && python -m tfx_pipeline.kubeflow_runner --image IMAGE ...
FROM python:3.10-slim-bookworm AS build
# Some locked packages have no wheel.
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/tfgrec
COPY requirements/stack-a.lock /tmp/stack-a.lock
RUN /opt/tfgrec/bin/pip install --no-cache-dir --no-deps -r /tmp/stack-a.lock
COPY . /src
RUN /opt/tfgrec/bin/pip install --no-cache-dir --no-deps /src

FROM python:3.10-slim-bookworm
COPY --from=build /opt/tfgrec /opt/tfgrec
# The boot program by which Dataflow, and Flink with Docker, start a worker in this image.
COPY --from=apache/beam_python3.10_sdk:2.56.0 /opt/apache/beam /opt/apache/beam
COPY schemas /tfgrec/schemas
COPY configs /tfgrec/configs
WORKDIR /tfgrec
ENV PATH=/opt/tfgrec/bin:$PATH TF_USE_LEGACY_KERAS=1
ENTRYPOINT ["/opt/apache/beam/boot"]
