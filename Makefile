# `make demo` shows the edge at work, `make test` checks it. Both share one debug build in .build.

.DEFAULT_GOAL := help
.PHONY: help build demo test format lint

ARGS ?=
SOURCES := Sources Tests Package.swift
# On a small machine: make build SWIFT_FLAGS='-j 1'
SWIFT_FLAGS ?=

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

build: ## installs what building needs and builds the program
	@scripts/install-dependencies
	swift build $(SWIFT_FLAGS)

demo: build ## the main job, explained as it goes; ARGS=--once ends after it
	.build/debug/sallyport demo $(ARGS)

# XCTest is off since all tests are Swift Testing's, so that the one summary comes last.
test: ## lints, builds and runs all tests; those whose peer program is missing are skipped and say so; SALLYPORT_LONG_TESTS=1 for the whole loads
	@scripts/install-dependencies test
	@$(MAKE) --no-print-directory lint
	swift build $(SWIFT_FLAGS) --build-tests
	swift test $(SWIFT_FLAGS) --skip-build --disable-xctest $(ARGS)

format: ## formats all sources in place
	swift format --in-place --recursive $(SOURCES)

lint: ## checks format and rules, changes nothing
	swift format lint --strict --recursive $(SOURCES)
