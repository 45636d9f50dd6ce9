// All routes of the door, and what they need.

import type { FastifyInstance } from 'fastify'
import { addChangesRoutes, type ChangesPorts } from './changes/routes.ts'
import { addDatasetsRoutes, type DatasetsPorts } from './datasets.ts'
import { addHealthRoutes, type HealthPorts } from './health.ts'
import { addMetricsRoutes, type Metrics } from './metrics.ts'
import type { MutationsPorts } from './mutations/ports.ts'
import { addMutationsRoutes } from './mutations/routes.ts'
import { addOpenapiRoute } from './openapi.ts'
import { addRowsRoutes, type RowsPorts } from './rows.ts'
import { addStatusRoutes, type StatusPorts } from './status.ts'

export interface DoorPorts
  extends DatasetsPorts,
    RowsPorts,
    StatusPorts,
    HealthPorts,
    MutationsPorts,
    ChangesPorts {
  readonly metrics: Metrics
}

export function addRoutes(app: FastifyInstance, ports: DoorPorts): void {
  addDatasetsRoutes(app, ports)
  addRowsRoutes(app, ports)
  addMutationsRoutes(app, ports)
  addChangesRoutes(app, ports)
  addStatusRoutes(app, ports)
  addHealthRoutes(app, ports)
  addMetricsRoutes(app, ports.metrics)
  addOpenapiRoute(app)
}
