// Logging in to brokers (SASL), through KafkaJS, mended where its errors lose what really happened.

import { createRequire } from 'node:module'
import { isTransient } from './errors.ts'
import type { Exchange } from './kafkajs.ts'

const require = createRequire(import.meta.url)

export const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
export type SaslMechanism = (typeof SASL_MECHANISMS)[number]

export interface KafkaLogin {
  readonly mechanism: SaslMechanism
  readonly username: string
  readonly password: string
}

/** What KafkaJS wants to be told: it asks the provider at each connection. */
export interface SaslOptions {
  readonly mechanism: SaslMechanism
  readonly authenticationProvider: Provider
}

type Provider = (options: ProviderOptions) => { authenticate(): Promise<void> }

interface ProviderOptions {
  readonly host: string
  readonly port: number
  readonly logger: unknown
  readonly saslAuthenticate: (exchange: unknown) => Promise<unknown>
}

type BuiltIn = (login: { readonly username: string; readonly password: string }) => Provider

const UNSUPPORTED_MECHANISM = 33

interface HandshakeAnswer {
  readonly errorCode: number
  readonly enabledMechanisms: readonly string[]
}

type Handshake = (request: unknown) => Exchange<HandshakeAnswer>

/** A refusal of the mechanism comes with those that there are, which KafkaJS drops. Called once, as it is imported. */
export function mendHandshake(): void {
  const definition: { protocol(options: { readonly version: number }): Handshake } =
    require('kafkajs/src/protocol/requests/saslHandshake/index.js')
  const { createErrorFromCode } = require('kafkajs/src/protocol/error.js')
  const { protocol } = definition
  definition.protocol = (options) => (request) => {
    const exchange = protocol(options)(request)
    const parse = async (answer: HandshakeAnswer): Promise<HandshakeAnswer> => {
      if (answer.errorCode !== UNSUPPORTED_MECHANISM) return exchange.response.parse(answer)
      const offered = answer.enabledMechanisms.join(', ')
      throw Object.assign(createErrorFromCode(answer.errorCode), { message: `it offers ${offered}` })
    }
    return { ...exchange, response: { ...exchange.response, parse } }
  }
}

const BUILT_IN: Readonly<Record<SaslMechanism, BuiltIn>> = {
  PLAIN: require('kafkajs/src/broker/saslAuthenticator/plain.js'),
  'SCRAM-SHA-256': require('kafkajs/src/broker/saslAuthenticator/scram256.js'),
  'SCRAM-SHA-512': require('kafkajs/src/broker/saslAuthenticator/scram512.js'),
}

/**
 * KafkaJS turns whatever happens during a login into a refusal of the password, a broker that goes away just then
 * among it: what may pass is thrown as it came.
 */
export function loginToSasl({ mechanism, username, password }: KafkaLogin): SaslOptions {
  const authenticationProvider: Provider = (options) => {
    let failure: unknown = null
    const saslAuthenticate: ProviderOptions['saslAuthenticate'] = async (exchange) => {
      try {
        return await options.saslAuthenticate(exchange)
      } catch (error) {
        failure = error
        throw error
      }
    }
    const provider = BUILT_IN[mechanism]({ username, password })({ ...options, saslAuthenticate })
    return {
      async authenticate() {
        try {
          await provider.authenticate()
        } catch (error) {
          throw isTransient(failure) ? failure : error
        }
      },
    }
  }
  return { mechanism, authenticationProvider }
}
