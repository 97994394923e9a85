# Valueflow Chat in a container (docs/docker.md).
#
#   docker build -t valueflow-chat .                          for the processor
#   docker build --build-arg CUDA=on -t valueflow-chat .      for an NVIDIA card
#   docker run --rm -p 127.0.0.1:7860:7860 -v valueflow:/data valueflow-chat

ARG CUDA=off
ARG CUDA_IMAGE=nvidia/cuda:12.8.1
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

# What llama.cpp is compiled in, and what the program runs in: Python 3.12 everywhere.
FROM ${PYTHON_IMAGE} AS builder-off
FROM ${PYTHON_IMAGE} AS runtime-off
FROM ${CUDA_IMAGE}-devel-ubuntu24.04 AS builder-on
FROM ${CUDA_IMAGE}-runtime-ubuntu24.04 AS runtime-on


# hadolint ignore=DL3006
FROM builder-${CUDA} AS builder
ARG CUDA
# Options for llama.cpp, -DGGML_AVX512=on or -DCMAKE_CUDA_ARCHITECTURES=89 for example. Without any it
# runs on every processor with AVX2 and every card that the CUDA version knows.
ARG CMAKE_OPTIONS=""
# An index that has torch without its CUDA parts makes the image some gigabytes smaller.
ARG TORCH_INDEX=""
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        cmake g++ make python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY constraints.txt ./
ENV PIP_CONSTRAINT=/src/constraints.txt PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# First what takes longest and changes least. A container may run elsewhere than it was built, so
# nothing is compiled for the builder's own processor; the driver comes with the container's host.
RUN python3 -m venv /opt/valueflow \
    && CMAKE_ARGS="-DGGML_NATIVE=off -DGGML_CUDA=${CUDA} \
        -DCMAKE_EXE_LINKER_FLAGS=-Wl,--allow-shlib-undefined ${CMAKE_OPTIONS}" \
        /opt/valueflow/bin/pip install --no-binary llama-cpp-python llama-cpp-python
RUN /opt/valueflow/bin/pip install ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"} torch
COPY pyproject.toml README.md LICENSE ./
COPY chat_app ./chat_app
COPY migrations ./migrations
COPY models ./models
COPY static ./static
RUN /opt/valueflow/bin/pip install .


# hadolint ignore=DL3006
FROM runtime-${CUDA} AS runtime
LABEL org.opencontainers.image.title="Valueflow Chat" \
      org.opencontainers.image.licenses="MIT"
# libgomp1 is llama.cpp's threads; the Python image has a Python of its own.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        libgomp1 tini \
    && if ! command -v python3 >/dev/null; then \
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3; fi \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin valueflow
COPY --from=builder /opt/valueflow /opt/valueflow
# Inside, the page listens on all addresses; which of them are reachable is decided by --publish.
ENV PATH=/opt/valueflow/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/data/huggingface \
    VALUEFLOW_HOME=/data \
    VALUEFLOW_HOST=0.0.0.0 \
    VALUEFLOW_PORT=7860
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 7860
# The page itself, and what the API says of itself.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python3", "-c", "import os, urllib.request as web; [web.urlopen(f'http://127.0.0.1:{os.environ[\"VALUEFLOW_PORT\"]}{path}', timeout=4).read() for path in ('/health', '/')]"]
# The program closes in good order when it is interrupted.
STOPSIGNAL SIGINT
ENTRYPOINT ["tini", "--", "valueflow"]
CMD ["--no-browser"]
