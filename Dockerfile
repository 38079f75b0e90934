# One image with web, worker and migration: `docker run IMAGE worker`. See docs/docker.md.

# Where a mirror replaces the registry, it is named here.
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

# cargo-chef reduces the sources to what the dependencies are built from, so that their layer stays as it is
# until Cargo.lock or a manifest changes.
FROM ${RUST_IMAGE} AS chef
WORKDIR /src
RUN cargo install cargo-chef --locked --version 0.1.78 --quiet

FROM chef AS recipe
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS build
COPY --from=recipe /src/recipe.json .
RUN cargo chef cook --release --locked -p web -p worker -p migration --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked -p web -p worker -p migration

# The whole suite, inside the image: docker build --target test .
FROM chef AS test
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql >/dev/null \
    && rm -rf /var/lib/apt/lists/*
COPY . .
RUN REQUIRE_POSTGRES=1 cargo test --locked

FROM ${DEBIAN_IMAGE}
ARG SOURCE= VERSION= COMMIT= BUILD=
LABEL org.opencontainers.image.title="Bare Necessities" \
    org.opencontainers.image.description="A web api and a worker that share nothing but a database" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0" \
    org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${COMMIT}"
RUN groupadd --gid 10001 app && useradd --uid 10001 --gid app --home-dir /app --shell /usr/sbin/nologin app
COPY --from=build /src/target/release/web /src/target/release/worker /src/target/release/migration /app/bin/
RUN printf '{"source":"%s","version":"%s","commit":"%s","build":"%s"}\n' \
    "$SOURCE" "$VERSION" "$COMMIT" "$BUILD" >/app/version.json

WORKDIR /app
USER 10001:10001
# A worker answers health checks on the same port as web does. Its mail goes to /tmp unless SMTP_URL says
# where: nothing else is written, so the root may be read-only.
ENV PATH=/app/bin:$PATH PORT=8000 WORKER_PORT=8000 MAIL_DIR=/tmp/mail
EXPOSE 8000
HEALTHCHECK --interval=5s --start-period=60s --timeout=5s CMD ["web", "healthcheck"]
# `env` runs what it is given, in its own place: web unless told otherwise.
ENTRYPOINT ["env"]
CMD ["web"]
