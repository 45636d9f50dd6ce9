// `config`: every setting, its value and where it came from.

import type { Command } from 'commander'
import { isPlaceConfigured, maskSetting } from '../config.ts'
import { createContext, type Io } from '../context.ts'

export function addConfigCommand(parent: Command, io: Io): void {
  parent
    .command('config')
    .summary('show every setting and where it came from')
    .description('Shows every setting: its value, where it came from and what it means. Secrets are masked.')
    .addHelpText('after', '\nExample:\n  $ spindexer config')
    .action(async (_options: unknown, command: Command) => {
      const { config, out } = createContext(io, command)
      const rows = config.settings.map((setting) => ({
        name: setting.name,
        value: maskSetting(setting),
        source: setting.source,
        meaning: setting.meaning,
      }))
      await out.table(rows)
      if (!isPlaceConfigured(config)) {
        out.say(
          'Neither SPINDEXER_LOG nor DATABASE_URL is set: `spindexer run` makes an embedded Postgres in this folder.',
        )
      }
      out.say('Secrets may also come from files: NAME_FILE names one (DATABASE_URL_FILE, for example).')
    })
}
