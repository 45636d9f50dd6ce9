# The ways in: each target is an npm script, run after npm ci where node_modules is missing or out of date.
.PHONY: demo test up down bench check

demo test bench check: node_modules/.package-lock.json
	@npm run --silent $@

up down: node_modules/.package-lock.json
	@npm run --silent services -- $@

node_modules/.package-lock.json: package-lock.json
	npm ci
	@touch $@
