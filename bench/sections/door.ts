// The section of the HTTP door: what POST takes in batches, and one at a time until the node shows it.

import { DOOR_COLUMNS, doorRows, runDoor } from '../door.ts'
import type { RunSection } from '../section.ts'

export const runDoors: RunSection = async ({ brokers, postgres, figures }, flags) => {
  const report = await runDoor(
    { brokers, postgres },
    { mutations: flags.doorMutations, seconds: Math.max(1, Math.ceil(flags.latencySeconds / 2)) },
  )
  for (const { log, way, perSecond, p50 } of report.figures) {
    figures.set(`door ${log} ${way} rate`, perSecond)
    figures.set(`door ${log} ${way} p50`, p50)
  }
  return {
    name: `Door: ${flags.doorMutations} mutations over HTTP until all are acknowledged, while the node applies them`,
    columns: DOOR_COLUMNS,
    rows: doorRows(report),
    notes: [
      'Client, node, Kafka and Postgres share the cores. A log in Postgres is in the node’s own database.',
      `The node’s peak memory: ${report.peakMiB.postgres} MiB (Postgres), ${report.peakMiB.kafka} MiB (Kafka).`,
    ],
    json: report,
  }
}
