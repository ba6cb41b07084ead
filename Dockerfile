# The image of MCD: `mcd` for the API, the controllers, `mcd admin` and the migration. It holds Python, git and MCD, and
# no builder, compiler or package index. Build it from the top of a clone:
#
#   buildah bud --build-arg BASE=… --build-arg BUILD_BASE=… --build-arg REVISION="$(git rev-parse HEAD)" -t mcd .
#
# BASE and BUILD_BASE are Debian 12, or what is made of it; BUILD_BASE has Python 3.11 and pip. Where packages come from
# is said by the machine that builds (its pip.conf and apt sources), never here.
ARG BASE=mcd/debian12
ARG BUILD_BASE=mcd/python3.11

FROM ${BUILD_BASE} AS packages
WORKDIR /build
# First and alone: a change of MCD does not install its packages again.
COPY requirements/server.lock ./
RUN python3 -m pip install --no-cache-dir --no-compile --no-deps --only-binary :all: --require-hashes \
    --target /opt/mcd/lib -r server.lock
COPY LICENSE README.md ./
COPY mcd /opt/mcd/lib/mcd
COPY migrations /opt/mcd/lib/mcd/store/migrations
COPY docs /opt/mcd/lib/mcd/api/portal/manual/pages
ARG REVISION=source
# The command, and the commit that it is of. Compiled here, because nothing is written where it runs; by their content,
# so that two builds of one commit are the same.
RUN sed -i "s/^REVISION = .*/REVISION = \"$(printf %s "$REVISION" | tr -cd '0-9a-zA-Z._-')\"/" /opt/mcd/lib/mcd/__init__.py \
 && mkdir -p /opt/mcd/bin \
 && printf '#!/bin/sh\nexec python3 -m mcd "$@"\n' > /opt/mcd/bin/mcd \
 && chmod -R u=rwX,go=rX /opt/mcd && chmod 755 /opt/mcd/bin/mcd \
 && rm -rf /opt/mcd/lib/bin \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/mcd/lib

FROM ${BASE}
ARG REVISION=source
LABEL org.opencontainers.image.title="mcd" \
      org.opencontainers.image.description="An internal platform-as-a-service on Kubernetes: API and controllers." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}"
# git keeps the repositories of Apps. Python only where the base has none of its own.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git \
    $(command -v python3 >/dev/null || echo python3) \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
 && mkdir -p /var/lib/mcd && chown 10001:10001 /var/lib/mcd
COPY --from=packages /opt/mcd /opt/mcd
ENV PATH=/opt/mcd/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/opt/mcd/lib \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MCD_DATA=/var/lib/mcd
# 7070: API and git. 7071: /livez and /metrics of a controller.
EXPOSE 7070 7071
WORKDIR /var/lib/mcd
USER 10001:10001
ENTRYPOINT ["mcd"]
CMD ["serve"]
