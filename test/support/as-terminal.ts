// Preloaded into the command line by a test (NODE_OPTIONS): it then prints as it does on a terminal.

process.stdout.isTTY = true
