// The container images of the services: the official ones, or what a variable names instead (a mirror's, say).
import {
  kafkaVersion,
  kcatVersion,
  type PostgresVersion,
  postgresVersions,
  pythonVersion,
  registryVersion,
} from './versions.ts'

export type ImageName = 'kafka' | 'registry' | 'postgres18' | 'postgres15' | 'python' | 'kcat'

/** The variable that names another image, and the image without it. docker-compose.yml says the same. */
export const images: Readonly<Record<ImageName, { readonly variable: string; readonly official: string }>> = {
  kafka: { variable: 'SPINDEXER_KAFKA_IMAGE', official: `apache/kafka:${kafkaVersion}` },
  registry: {
    variable: 'SPINDEXER_REGISTRY_IMAGE',
    official: `apicurio/apicurio-registry:${registryVersion}`,
  },
  postgres18: { variable: 'SPINDEXER_POSTGRES_IMAGE', official: `postgres:${postgresVersions[18]}` },
  postgres15: { variable: 'SPINDEXER_POSTGRES15_IMAGE', official: `postgres:${postgresVersions[15]}` },
  python: { variable: 'SPINDEXER_PYTHON_IMAGE', official: `python:${pythonVersion}-slim-bookworm` },
  kcat: { variable: 'SPINDEXER_KCAT_IMAGE', official: `edenhill/kcat:${kcatVersion}` },
}

export function imageOf(name: ImageName): string {
  const { variable, official } = images[name]
  return process.env[variable] || official
}

export function postgresImage(version: PostgresVersion): string {
  return imageOf(`postgres${version}`)
}
