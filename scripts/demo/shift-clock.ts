// Loaded before a command (`node --import`): its clock is wrong by DEMO_CLOCK_MS milliseconds.

const shiftMs = Number(process.env.DEMO_CLOCK_MS)
const now = Date.now

Date.now = () => now() + shiftMs
