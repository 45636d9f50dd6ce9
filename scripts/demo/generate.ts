// The demo's mutations: two writers who edit one small catalogue, from a seed, as JSON lines.

import { createRandom } from './random.ts'

const COUNTRIES = ['NG', 'BR', 'JP', 'DE', 'US', 'ZW', 'JM', null] as const
const TAGS = ['ambient', 'dub', 'house', 'jazz', 'rap', 'soul'] as const
const ARTISTS = 200
const TRACKS = 2_000

/** `count` lines of one writer. Two writers with different seeds work on the same artists and tracks. */
export function* generateLines(writer: string, seed: number, count: number): Generator<string> {
  const random = createRandom(seed)
  const below = (n: number) => Math.floor(random() * n)
  const one = <T>(items: readonly T[]): T => items[below(items.length)]!
  for (let i = 0; i < count; i++) {
    const artistId = `artist-${below(ARTISTS)}`
    const id = `track-${below(TRACKS)}`
    const dice = random()
    if (dice < 0.1) {
      yield line('upsert', 'artists', {
        id: artistId,
        name: `Artist ${artistId.slice(7)} (as ${writer} spells it)`,
        country: one(COUNTRIES),
      })
    } else if (dice < 0.5) {
      yield line('upsert', 'tracks', {
        id,
        artistId,
        title: `${one(TAGS)} no. ${below(1_000)}`,
        releasedOn: `20${10 + below(15)}-0${1 + below(9)}-${10 + below(19)}`,
        tags: [one(TAGS), { by: writer }],
      })
    } else if (dice < 0.95) {
      yield line('update', 'tracks', { id, plays: below(1_000_000) })
    } else {
      yield line('delete', 'tracks', { id })
    }
  }
}

function line(operation: string, dataset: string, data: object): string {
  return JSON.stringify({ dataset, operation, data })
}
