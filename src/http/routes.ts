// All routes of the door, and what they need.

import type { FastifyInstance } from 'fastify'
import type { Writing } from '../writer/writing.ts'
import { addChangesRoutes, type ChangesPorts } from './changes/routes.ts'
import { addDatasetsRoutes, type DatasetsPorts } from './datasets.ts'
import { addHealthRoutes, type HealthPorts } from './health.ts'
import { addMetricsRoutes, type Metrics } from './metrics.ts'
import { addMutationsRoutes } from './mutations/routes.ts'
import { addOpenapiRoute } from './openapi.ts'
import { addPolicyRoutes } from './policy.ts'
import type { PostingPorts } from './posting/ports.ts'
import { createPosting } from './posting/routes.ts'
import { addRecordsRoutes, type RecordsPorts } from './records/routes.ts'
import { addRowsRoutes, type RowsPorts } from './rows.ts'
import { addStatusRoutes, type StatusPorts } from './status.ts'

export interface DoorPorts
  extends DatasetsPorts,
    RowsPorts,
    StatusPorts,
    HealthPorts,
    PostingPorts,
    RecordsPorts,
    ChangesPorts {
  readonly metrics: Metrics
  readonly writing: Writing
}

export function addRoutes(app: FastifyInstance, ports: DoorPorts): void {
  addDatasetsRoutes(app, ports)
  addRowsRoutes(app, ports)
  const addPosting = createPosting(app, ports)
  addMutationsRoutes(addPosting, ports)
  addRecordsRoutes(addPosting, ports)
  addPolicyRoutes(app, ports)
  addChangesRoutes(app, ports)
  addStatusRoutes(app, ports)
  addHealthRoutes(app, ports)
  addMetricsRoutes(app, ports.metrics)
  addOpenapiRoute(app)
}
