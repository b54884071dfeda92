# syntax=docker/dockerfile:1
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The wheels of torch for the CPU alone are a tenth of the size: hand in their index to use it.
ARG TORCH_INDEX_URL=
RUN python -m venv /opt/footnote
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY indexer indexer
COPY service service
RUN /opt/footnote/bin/pip install ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} torch==$(sed -n 's/^torch==//p' constraints.txt) \
 && /opt/footnote/bin/pip install -c constraints.txt .

FROM python:3.12-slim-bookworm
RUN useradd --create-home --uid 10001 footnote \
 && mkdir -p /library /cache /notes && chown footnote /library /cache
COPY --from=build /opt/footnote /opt/footnote
ENV PATH=/opt/footnote/bin:$PATH PYTHONUNBUFFERED=1 FOOTNOTE_LIBRARY=/library FOOTNOTE_CACHE=/cache
USER footnote
VOLUME ["/library", "/cache"]
EXPOSE 8000
# Healthy when it can answer; a container that runs another command than `serve` has nothing to check.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["footnote"]
CMD ["serve", "--host", "0.0.0.0", "--watch"]
