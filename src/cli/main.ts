#!/usr/bin/env node
// The program's entry: looks whether this Node can run the rest, which an older one could not even read.

/** As package.json says; npm only warns of an older one. */
const NODE_MAJOR_MIN = 24

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  console.error(
    `spindexer: this is Node ${process.versions.node}, and spindexer needs Node ${NODE_MAJOR_MIN} or later\n  install a newer one; \`node --version\` says which one is found first`,
  )
  process.exitCode = 2
} else {
  await import('./command-line.ts')
}

export {}
