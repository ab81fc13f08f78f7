# Gatehouse in a container:
#
#   docker build -t gatehouse .
#   mkdir site && sudo chown 1000:1000 site
#   docker run --rm -v "$PWD/site:/etc/gatehouse" gatehouse node dist/main.js init a.example -d /etc/gatehouse
#   docker run -v "$PWD/site:/etc/gatehouse:ro" -p 5279:5279 gatehouse
#
# It runs as uid 1000, so the folder has to belong to that: the engine makes one that is missing for root. A named volume
# (`-v gatehouse:/etc/gatehouse`) is uid 1000's from the start. The admin port stays on the loopback of the container, where the health check asks
# it; for a Prometheus outside set listen.admin.address and listen.admin.token. Ports that are published need
# listen.clients on another address than loopback, too.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY test/build.ts test/tsconfig.build.json test/
COPY src src
RUN node test/build.ts

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production \
    NODE_OPTIONS=--disable-sigusr1 \
    NODE_COMPILE_CACHE=/app/cache \
    GATEHOUSE_CONFIG=/etc/gatehouse/gatehouse.yaml \
    GATEHOUSE_ADMIN=http://127.0.0.1:9279
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
# Loads everything that `run` needs, so that its compiled code is in the image; Node keeps it for each user apart.
RUN install -d -o 1000 -g 1000 cache /etc/gatehouse
USER 1000:1000
RUN node dist/main.js run --help
EXPOSE 5279 5280
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch(process.env.GATEHOUSE_ADMIN + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js", "run"]
