FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.txt requirements-dev.txt ./
RUN python -m venv /opt/sudstat && /opt/sudstat/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY pyproject.toml README.md ./
COPY app app
RUN pip install --no-cache-dir --require-hashes -r requirements-dev.txt \
 && pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /opt/sudstat/bin/pip install --no-cache-dir --no-deps --no-index /wheel/*.whl

FROM python:3.13-slim
RUN useradd --system --create-home --home-dir /var/lib/sudstat sudstat
COPY --from=build /opt/sudstat /opt/sudstat
USER sudstat
WORKDIR /var/lib/sudstat
ENV PATH=/opt/sudstat/bin:$PATH SUDSTAT_HOST=0.0.0.0 SUDSTAT_DATA_DIR=/var/lib/sudstat/data
VOLUME /var/lib/sudstat
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["sudstat", "serve"]
