// The store in Postgres keeps the contract of stores, on the oldest and the newest server.

import { openPostgres } from '../store/postgres-bench.ts'
import { storeContract } from './store.ts'

storeContract('Postgres 15', () => openPostgres(15))
storeContract('Postgres 18', () => openPostgres(18))
