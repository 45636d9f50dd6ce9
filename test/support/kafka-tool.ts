// Kafka's own command line tools for tests: from its jars where there is a Java, else in a container of its image.

import { join } from 'node:path'
import { javaProgram, kafkaJars } from '../../scripts/services/maven.ts'
import { inContainer } from './containers/run.ts'
import { servicesKind } from './services.ts'

const OPTIONS = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const QUIET = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'

/** The command that runs a class of Kafka's tools; in a container it sees `directories` and works in the first. */
export async function kafkaTool(
  className: string,
  directories: readonly string[],
): Promise<readonly string[]> {
  if (servicesKind() === 'docker') {
    return inContainer('kafka', directories, ['java', ...OPTIONS, '-cp', '/opt/kafka/libs/*', className])
  }
  return [javaProgram('Kafka'), QUIET, ...OPTIONS, '-cp', join(await kafkaJars(), '*'), className]
}
