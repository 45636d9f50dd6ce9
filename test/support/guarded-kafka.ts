// A Kafka that checks who does what: clients on its plain port are User:ANONYMOUS and may nothing, its administrator
// logs in at another port.

import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { type KafkaService, startKafka } from './services.ts'

export interface GuardedKafka extends KafkaService {
  /** Where the administrator connects. */
  readonly adminBroker: string
  /** Writes what Kafka's own commands need to log in there: their `--command-config`. */
  writeAdminConfig(file: string): void
}

/** Who connects to the plain port. */
export const PLAIN_USER = 'User:ANONYMOUS'

export async function startGuardedKafka(dir: string): Promise<GuardedKafka> {
  const password = randomBytes(18).toString('base64url')
  const login = `org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="${password}"`
  const properties = ([plain, controller, admin]: readonly number[]) => ({
    listeners: `PLAINTEXT://127.0.0.1:${plain},ADMIN://127.0.0.1:${admin},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${plain},ADMIN://127.0.0.1:${admin}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,ADMIN:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT',
    'inter.broker.listener.name': 'ADMIN',
    'sasl.enabled.mechanisms': 'PLAIN',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'sasl.mechanism.controller.protocol': 'PLAIN',
    'listener.name.admin.plain.sasl.jaas.config': `${login} user_admin="${password}";`,
    'listener.name.controller.plain.sasl.jaas.config': `${login} user_admin="${password}";`,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:admin',
  })
  const kafka = await startKafka({ dir, broker: { ports: 1, properties } })
  const config = ['security.protocol=SASL_PLAINTEXT', 'sasl.mechanism=PLAIN', `sasl.jaas.config=${login};`]
  return Object.assign(kafka, {
    adminBroker: `127.0.0.1:${kafka.ports[2]}`,
    writeAdminConfig: (file: string) => writeFileSync(file, `${config.join('\n')}\n`, { mode: 0o600 }),
  })
}
