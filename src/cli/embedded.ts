// The embedded default: what a command works on where neither a log nor a database is configured, or one of them is to be this.

import { join, relative } from 'node:path'
import type { Command } from 'commander'
import { folderOf, hasFolder, ROOM } from '../embedded/folder.ts'
import type { Opened } from '../embedded/open.ts'
import { rememberedUrl } from '../embedded/state.ts'
import { isPlaceConfigured, usesEmbedded } from './config.ts'
import { configOf, type World } from './context.ts'
import { readDoorConfig } from './door-config.ts'
import { Failure } from './errors.ts'
import { createOutput, type Output } from './output.ts'

export interface EmbeddedDefault {
  /**
   * Before a command's action. Where nothing, or just this, is configured: for `run` starts a Postgres, made where there is none, with
   * a log in it; for other commands finds the one that runs, or starts the one that is there for as long as they take.
   */
  prepare(command: Command): Promise<void>
  /** Of the log and of the database, or null where something is configured, or nothing there. */
  url(): string | null
  /** Stops what `prepare` started. */
  close(): Promise<void>
}

export function createEmbeddedDefault(world: World): EmbeddedDefault {
  const out = createOutput(world, { json: false })
  let url: string | null = null
  let close = async (): Promise<void> => {}

  async function open(command: string, isNothingSet: boolean): Promise<void> {
    const isNode = command === 'run'
    const { directory, signal } = world
    if (isNode) {
      const doing = `${hasFolder(directory) ? 'using the' : 'making an'} embedded Postgres in ./${ROOM}.`
      out.say(isNothingSet ? `Nothing is configured: ${doing}` : `As configured: ${doing}`)
    }
    const { openEmbedded } = await import('../embedded/open.ts')
    const opened = await openEmbedded({ directory, command, isNode, signal, say: out.say })
    if (opened.type === 'absent') return
    if (opened.type === 'refused') throw new Failure(opened.what, opened.remedy)
    url = opened.url
    close = opened.close
    if (isNode) introduce(out, directory, opened)
  }

  return {
    async prepare(command) {
      const config = configOf(world, command, null)
      if (!usesEmbedded(config)) return
      const name = nameOf(command)
      // A key is made before there is anything to sign.
      if (name.startsWith('keys ')) return
      if (name === 'config') url = rememberedUrl(folderOf(world.directory))
      else {
        // A slip in a setting is told before a Postgres is made for it, which takes seconds.
        if (name === 'run') readDoorConfig(config)
        await open(name, !isPlaceConfigured(config))
      }
    },
    url: () => url,
    close: () => close(),
  }
}

/** `log create`, of a command of a command of the program. */
function nameOf(command: Command): string {
  const parent = command.parent
  return parent?.parent ? `${nameOf(parent)} ${command.name()}` : command.name()
}

/** The password stays out of terminals and journals: a file has the URL. */
function introduce(out: Output, directory: string, opened: Opened): void {
  out.say(`To look at it:  psql "$(cat ${relative(directory, opened.urlFile)})"`)
  if (relative(join(directory, ROOM), opened.data).startsWith('..')) {
    out.say(
      `Its data are in ${opened.data}: the user who runs Postgres for root cannot get into this folder.`,
    )
  }
  if (opened.portBefore !== null) {
    out.say(`warning: its port ${opened.portBefore} is taken; it has another one now, as the file says`)
  }
}
