# One image for every process of Tollgate; docker-compose.yml says which entry a container runs.
# Debian slim and not Alpine: it is the system the suite runs on.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts/install.mjs scripts/
# `npm ci --ignore-scripts` with the compiler, and the stamp by which build.mjs sees that it is done.
RUN node -e "import('./scripts/install.mjs').then((step) => step.ensureInstalled())"
COPY .swcrc ./
COPY scripts/build.mjs scripts/
COPY apps apps
COPY libs libs
RUN node scripts/build.mjs
RUN mkdir /commands && ln -s /app/scripts/tollgate.mjs /commands/tollgate

# Production packages only. The optional ones are embedded Postgres servers, which only `npm start` uses.
FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev --omit=optional && npm cache clean --force

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json ./
COPY migrations migrations
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
# The command line: `docker compose exec admin tollgate invoice replay <id>`.
COPY scripts/tollgate.mjs scripts/tollgate.mjs
COPY --from=build /commands /usr/local/bin
USER node
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "require('node:http').get({ port: process.env.PORT || 8080, path: '/readyz' }, (reply) => process.exit(reply.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# The wider young generation is for streams: short-lived chunks would otherwise be copied again and again.
CMD ["node", "--max-semi-space-size=64", "dist/apps/gateway/src/main.js"]
