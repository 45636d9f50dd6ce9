// The report: a table for each section, and everything as JSON with the machine and the versions that it was measured on.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { arch, cpus, platform, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { kafkaVersion, postgresVersions, registryVersion } from '../scripts/services/versions.ts'
import { root } from './paths.ts'
import type { Flags, Section } from './section.ts'

/** What the figures belong to: they mean little elsewhere, and ratios only within one run. */
export function describeMachine(): Readonly<Record<string, unknown>> {
  return {
    cpu: cpus()[0]?.model,
    cpus: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    platform: `${platform()} ${arch()}`,
    node: process.version,
    kafka: kafkaVersion,
    postgres: postgresVersions[18],
    registry: registryVersion,
    commit: commitOf(),
  }
}

/** Null where this is no checkout; a `+` says that files were changed. */
function commitOf(): string | null {
  const git = (args: readonly string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return `${git(['rev-parse', '--short', 'HEAD'])}${git(['status', '--porcelain', 'src']) === '' ? '' : '+'}`
  } catch {
    return null
  }
}

export function printSection({ name, columns, rows, notes }: Section): void {
  const table = [columns, ...rows]
  const widths = columns.map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  ')
  console.log(`\n${name}\n\n${table.map(line).join('\n')}`)
  if (notes.length > 0) console.log(`\n${notes.map((note) => `- ${note}`).join('\n')}`)
}

/** Returns the path of the file. */
export function writeResults(flags: Flags, began: Date, sections: readonly Section[]): string {
  const results = {
    began: began.toISOString(),
    minutes: Math.round((Date.now() - began.getTime()) / 6_000) / 10,
    machine: describeMachine(),
    flags: { ...flags, cases: [...flags.cases] },
    sections,
  }
  mkdirSync(dirname(flags.json), { recursive: true })
  writeFileSync(flags.json, `${JSON.stringify(results, null, 2)}\n`)
  return flags.json
}
