# otel-bridge from this checkout, for the compose files beside it:
#
#     docker build -f collector-config/bridge.Dockerfile -t otel-bridge .
FROM python:3.13.9-slim

COPY pyproject.toml README.md LICENSE constraints.txt /src/
COPY otel_bridge /src/otel_bridge
COPY storage /src/storage
COPY queries /src/queries
RUN pip install --no-cache-dir -c /src/constraints.txt '/src[postgres]' && rm -rf /src

# A volume that is mounted here for the first time gets this owner.
RUN install -d -o 10001 -g 10001 /var/lib/otel-bridge
USER 10001:10001
WORKDIR /var/lib/otel-bridge
ENV OTEL_BRIDGE_DB=/var/lib/otel-bridge/runs.db
EXPOSE 4317 4318
ENTRYPOINT ["otel-bridge"]
CMD ["serve"]
