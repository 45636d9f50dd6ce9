// The section of the latency: from written to visible in SQL, beside KafkaJS's own produce to consume.

import { runLatency } from '../latency.ts'
import type { RunSection } from '../section.ts'

export const runLatencies: RunSection = async ({ brokers, postgres, figures }, { latencySeconds }) => {
  const report = await runLatency({ brokers, postgres }, { seconds: latencySeconds })
  for (const { rate, ours, bare } of report.json.figures) {
    figures.set(`latency ${rate} p50`, ours.fromAck.p50)
    figures.set(`latency ${rate} p99 ratio`, ours.fromDue.p99 / bare.fromDue.p99)
  }
  return report
}
