"""The wire format of spindexer's logs, rules 1, written from schemas/README.md alone."""
