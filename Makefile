# `make demo` shows the edge at work, `make test` checks it. Both share one debug build in .build.

.DEFAULT_GOAL := help
.PHONY: help build demo test conformance fuzz bench side-by-side format lint

ARGS ?=
SOURCES := Sources Tests Package.swift Fuzz/Package.swift Fuzz/Sources/FuzzProperties Fuzz/Sources/fuzz \
	Benchmarks/Package.swift Benchmarks/side-by-side Benchmarks/micro
# On a small machine: make build SWIFT_FLAGS='-j 1'
SWIFT_FLAGS ?=

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

build: ## installs what building needs and builds the program
	@scripts/install-dependencies
	swift build $(SWIFT_FLAGS)

demo: build ## the main job, explained as it goes; ARGS=--once ends after it
	.build/debug/sallyport demo $(ARGS)

# The release build is what allocations are counted in. XCTest is off since all tests are Swift Testing's, so that the one summary comes last.
test: ## lints, builds and runs all tests; those whose peer program is missing are skipped and say so; SALLYPORT_LONG_TESTS=1 for the whole loads
	@scripts/install-dependencies test
	@$(MAKE) --no-print-directory lint
	swift build $(SWIFT_FLAGS) -c release --product sallyport
	swift build $(SWIFT_FLAGS) -c release --product microbenchmarks
	swift build $(SWIFT_FLAGS) --build-tests
	swift test $(SWIFT_FLAGS) --skip-build --disable-xctest $(ARGS)

# Each target for SECONDS_EACH (60), or RUNS; FUZZ=message for one; SANITIZERS= for speed. See docs/fuzzing.md.
fuzz: ## feeds the parsers with what nobody would send, a minute each; FUZZ=message RUNS=1000000 for one
	@FUZZ="$(FUZZ)" RUNS="$(RUNS)" SECONDS_EACH="$(SECONDS_EACH)" SWIFT_FLAGS="$(SWIFT_FLAGS)" scripts/fuzz

conformance: ## runs the conformance tests and writes their table into docs/conformance.md
	@scripts/install-dependencies test
	swift build $(SWIFT_FLAGS) --build-tests
	@scripts/conformance-table

bench: ## measures single steps: time on a core, and allocations; ARGS='--only parse*' for some, ARGS=--help for more
	@scripts/install-dependencies
	swift build $(SWIFT_FLAGS) -c release --product microbenchmarks
	.build/release/microbenchmarks $(ARGS)

# ARGS=--quick for one short pair of runs; see Benchmarks/README.md.
side-by-side: ## measures Sallyport and Debian's Kamailio with the same loads, in turn; ARGS=--quick to try
	@scripts/install-dependencies bench
	swift build $(SWIFT_FLAGS) -c release --product sallyport
	swift build $(SWIFT_FLAGS) -c release --package-path Benchmarks
	Benchmarks/.build/release/side-by-side $(ARGS)

format: ## formats all sources in place
	swift format --in-place --recursive $(SOURCES)

lint: ## checks format and rules, changes nothing
	swift format lint --strict --recursive $(SOURCES)
