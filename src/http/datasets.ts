// GET /v1/datasets: what this node knows of the definitions.

import type { FastifyInstance } from 'fastify'
import type { Catalogue, Dataset, KeyColumn } from '../codec/catalogue.ts'
import { compareText } from '../crdt/value.ts'
import { problem } from './problem.ts'
import type { WithSnapshot } from './snapshots.ts'

export interface DatasetsPorts {
  readonly withSnapshot: WithSnapshot
}

export function addDatasetsRoutes(app: FastifyInstance, { withSnapshot }: DatasetsPorts): void {
  app.get('/v1/datasets', { schema: LIST_SCHEMA }, async () => {
    const { datasets } = await withSnapshot((reader) => reader.catalogue())
    const sorted = [...datasets.values()].sort((a, b) => compareText(a.name, b.name))
    return { datasets: sorted.map(describeDataset) }
  })
}

/** The dataset of this name, or a problem that says that there is none. */
export function requireDataset({ datasets }: Catalogue, name: string): Dataset {
  const dataset = datasets.get(name)
  if (dataset !== undefined) return dataset
  throw problem(
    'unknown-dataset',
    `there is no dataset ${JSON.stringify(name.slice(0, 100))} on this node; GET /v1/datasets lists those that there are`,
  )
}

/** As the door describes a dataset wherever it does. */
export function describeDataset({ name, key, columns, fieldNames }: Dataset) {
  return {
    name,
    key: key.map(describe),
    columns: [...columns.values()].map((column) => ({ ...describe(column), required: column.required })),
    fields: fieldNames,
  }
}

function describe({ name, type, symbols }: KeyColumn) {
  return { name, type, symbols: symbols === null ? null : [...symbols] }
}

const KEY_COLUMN = {
  type: 'object',
  required: ['name', 'type', 'symbols'],
  properties: {
    name: { type: 'string' },
    type: {
      enum: ['boolean', 'long', 'double', 'string', 'bytes', 'uuid', 'decimal', 'date', 'timestamp', 'json'],
    },
    symbols: {
      type: ['array', 'null'],
      items: { type: 'string' },
      description: 'the texts that an enum admits; null: any',
    },
  },
} as const

const LIST_SCHEMA = {
  operationId: 'listDatasets',
  summary: 'The datasets that this node knows, by name',
  tags: ['datasets'],
  querystring: { type: 'object', additionalProperties: false, properties: {} },
  response: {
    200: {
      description: 'All of them',
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['datasets'],
            properties: {
              datasets: {
                type: 'array',
                items: {
                  type: 'object',
                  required: ['name', 'key', 'columns', 'fields'],
                  properties: {
                    name: { type: 'string' },
                    key: {
                      type: 'array',
                      items: KEY_COLUMN,
                      description: 'in the order in which a key names them',
                    },
                    columns: {
                      type: 'array',
                      items: {
                        ...KEY_COLUMN,
                        required: [...KEY_COLUMN.required, 'required'],
                        properties: {
                          ...KEY_COLUMN.properties,
                          required: { type: 'boolean', description: 'rows are hidden while it is null' },
                        },
                      },
                    },
                    fields: {
                      type: 'array',
                      items: { type: 'string' },
                      description: 'names of all columns, in the order in which rows show them',
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
} as const
