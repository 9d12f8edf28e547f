# The base is a minor version here; a release pins it, and action.yml then names the built image by its digest.
FROM python:3.13-slim AS build
COPY requirements/run.txt /src/requirements/run.txt
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r /src/requirements/run.txt
COPY src /src/src
RUN cp -r /src/src/oci_chart_publish "$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
 && /opt/venv/bin/python -m compileall -q /opt/venv/lib \
 && /opt/venv/bin/python -m pip uninstall --yes --quiet pip

FROM python:3.13-slim
LABEL org.opencontainers.image.title="oci-chart-publish" \
      org.opencontainers.image.description="Publish a repository of Helm charts to OCI registries" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/venv /opt/venv
ENV PYTHONUTF8=1 PYTHONUNBUFFERED=1 LC_ALL=C.UTF-8 PATH=/opt/venv/bin:$PATH
# Exec form: a shell would drop the hyphenated INPUT_* variables.
ENTRYPOINT ["/opt/venv/bin/python", "-m", "oci_chart_publish"]
