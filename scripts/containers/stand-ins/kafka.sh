#!/bin/bash
# What the stand-in for apache/kafka runs: Kafka's own class for its image reads the KAFKA_* variables.
set -euo pipefail
export CLUSTER_ID="${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}"
java=(java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*')
setup=(kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker
  --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config)
if ! said=$("${java[@]}" "${setup[@]}" 2>&1) && ! grep -qi 'already formatted' <<<"$said"; then
  echo "$said" >&2
  exit 1
fi
# shellcheck disable=SC2086
exec java ${KAFKA_HEAP_OPTS:--Xmx1G} -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*' \
  kafka.Kafka /opt/kafka/config/server.properties
