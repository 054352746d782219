# The README's manual steps, with locked packages. Linux on x86-64 only: Vowpal Wabbit has no other wheels for Linux.
# The digest is that of the index, so it is equal on every machine. `docker buildx imagetools inspect python:3.11-slim`
# prints a newer one.
FROM python:3.11-slim@sha256:db3ff2e1800a8581e2c48a27c3995339d47bdf046da21c7627accd3d51053a93 AS build
WORKDIR /opt/edgewise
RUN python3 -m venv .venv
COPY requirements/service.txt requirements/
RUN .venv/bin/pip install --require-hashes -r requirements/service.txt
COPY pyproject.toml README.md LICENSE ./
COPY server server
RUN .venv/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11-slim@sha256:db3ff2e1800a8581e2c48a27c3995339d47bdf046da21c7627accd3d51053a93
WORKDIR /opt/edgewise
RUN useradd --system --home-dir /opt/edgewise edgewise && install -d -o edgewise /data
COPY --from=build /opt/edgewise/.venv .venv
COPY policies policies
USER edgewise
VOLUME /data
EXPOSE 8080
ENV EDGEWISE_HOST=0.0.0.0 EDGEWISE_DATA=/data
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD [".venv/bin/python", "-c", "import httpx; httpx.get('http://127.0.0.1:8080/readyz', timeout=2).raise_for_status()"]
ENTRYPOINT [".venv/bin/edgewise"]
CMD ["serve"]
