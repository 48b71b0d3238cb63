# One image for the API and the worker:
#   docker build -t antigrad .                                                            # torch for the CPU
#   docker build -t antigrad --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .   # torch for CUDA
#   docker run -e ANTIGRAD_API_KEY=… -p 127.0.0.1:8000:8000 -v antigrad:/data antigrad
#   docker run … antigrad antigrad worker
FROM python:3.12-slim AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# The big layer first: it stays as it is when the code or the lock changes.
RUN python -m venv /opt/antigrad \
    && /opt/antigrad/bin/pip install --index-url "$TORCH_INDEX" torch==2.13.0
COPY requirements.lock .
RUN /opt/antigrad/bin/pip install --no-deps --require-hashes -r requirements.lock
COPY LICENSE .
COPY pyproject.toml .
COPY app app
COPY worker worker
COPY migrations migrations
RUN /opt/antigrad/bin/pip install --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home antigrad && install -d -o antigrad -g antigrad /data
COPY --from=build /opt/antigrad /opt/antigrad
ENV PATH=/opt/antigrad/bin:$PATH PYTHONUNBUFFERED=1 ANTIGRAD_HOME=/data MPLCONFIGDIR=/tmp
WORKDIR /data
VOLUME /data
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# A container is reached from outside, so it listens on every address; the service refuses that, and this container
# ends at once, unless ANTIGRAD_API_KEY is set. That is meant: nobody shall open a service to the network by accident.
CMD ["antigrad", "serve", "--host", "0.0.0.0"]
