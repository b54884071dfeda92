# syntax=docker/dockerfile:1
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The wheels of torch for the CPU alone are a tenth of the size: hand in their index to use it.
ARG TORCH_INDEX_URL=
RUN python -m venv /opt/footnote
COPY constraints.txt requirements.lock ./
# Everything has to have the checksum that the lock says; but torch comes by its version, as its builds differ.
RUN /opt/footnote/bin/pip install --require-hashes --no-deps -r requirements.lock \
 && /opt/footnote/bin/pip install ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} "torch==$(sed -n 's/^torch==//p' constraints.txt)"
COPY pyproject.toml README.md LICENSE ./
COPY indexer indexer
COPY service service
RUN /opt/footnote/bin/pip install --no-deps --no-build-isolation .

FROM python:3.12-slim-bookworm
RUN useradd --create-home --uid 10001 footnote \
 && install -d -o footnote -m 700 /library /cache /keys && install -d /notes
COPY --from=build /opt/footnote /opt/footnote
ENV PATH=/opt/footnote/bin:$PATH PYTHONUNBUFFERED=1 FOOTNOTE_LIBRARY=/library FOOTNOTE_CACHE=/cache
USER footnote
VOLUME ["/library", "/cache", "/keys"]
EXPOSE 8000
# Healthy when it can answer, which it says without a token; a container that runs another command than `serve` has
# nothing to check.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["footnote"]
# For other machines than the container itself it starts with a token only: FOOTNOTE_TOKEN_FILE or FOOTNOTE_TOKEN.
CMD ["serve", "--host", "0.0.0.0", "--watch"]
