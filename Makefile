# The ways in: each target is an npm script, run after npm ci where node_modules is missing or out of date.
.PHONY: demo test test-containers soak up down bench check

READY := node_modules/.package-lock.json

demo: $(READY)
	@npm run --silent demo

test: $(READY)
	@npm run --silent test

# On containers. With podman in place of Docker: node scripts/containers/with-podman.ts make test-containers
test-containers: $(READY)
	@SERVICES=docker npm run --silent test

# A million inputs for every fuzz target, the random tests many times over: most of an hour on two cores.
soak: $(READY)
	@npm run --silent soak

bench: $(READY)
	@npm run --silent bench

check: $(READY)
	@npm run --silent check

up: $(READY)
	@npm run --silent services -- up

down: $(READY)
	@npm run --silent services -- down

$(READY): package-lock.json
	npm ci
	@touch $@
