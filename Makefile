# SPDX-License-Identifier: Apache-2.0

GO          ?= go
export CGO_ENABLED ?= 0
GREMLINS    := github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
ARTIFACTS   ?= $(CURDIR)/artifacts
FUZZTIME    ?= 10s
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS     := -s -w -X main.version=$(VERSION)
# What a run of the tests may be asked: in CI a skipped test is a failure.
REQUIRE     := $(if $(CI),-require)
ifdef CI
export REGENT_REQUIRE_NETWORK = 1
endif

.PHONY: help build demo test differential proof check fuzz bench benchmarks campaign chaos mutation clients deb sbom setup clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/regent, and bin/keepalived as a link to it
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/regent ./cmd/regent
	@ln -sf regent bin/keepalived

demo: build ## three nodes in namespaces: the owner dies, another answers, the client moves on
	@./bin/regent demo

test: setup build check ## everything that is not a timing
	@mkdir -p $(ARTIFACTS)
	@$(GO) test -json -p 1 -skip '$(SKIP)' -shuffle=on -timeout 15m -artifacts -outputdir $(ARTIFACTS) ./... | $(GO) run ./internal/testsum $(REQUIRE) -again 5 -- -artifacts -outputdir $(ARTIFACTS)
	@CGO_ENABLED=1 $(GO) test -race -short -p 1 -skip '^TestProof' -shuffle=on -timeout 10m $(RACE)

# Packages whose tests need no network and few seconds; the race detector needs a C compiler, which setup provides.
RACE := ./vrrp/... ./takeover ./conf/... ./requestor/... ./internal/event ./internal/status ./internal/supervisor ./internal/probe ./internal/daemon \
	./policy/... ./internal/monitor ./internal/cluster ./internal/arbiter ./takeover/control ./takeover/flow ./takeover/tickle ./responder/answer ./responder/speaker ./internal/notify ./internal/output ./internal/keepalived/flags ./internal/keepalived/pidfile ./internal/keepalived/logsink

# Not among the tests: what takes its time (make proof).
SKIP := ^TestProof

differential: setup build ## what Regent does differently from keepalived on the same files, case by case
	@REGENT_REQUIRE_NETWORK=1 $(GO) test ./internal/differential -run '^TestSameAsKeepalived$$' -count=1 -timeout 20m

proof: setup build ## the timed and long tests, with a report
	@mkdir -p $(ARTIFACTS)
	@REGENT_PROOF=1 REGENT_REQUIRE_NETWORK=1 $(GO) test -v -count=1 -timeout 60m -run 'Proof' -artifacts -outputdir $(ARTIFACTS) ./... \
		| tee $(ARTIFACTS)/proof.txt | grep -Ev '^(\?|ok .*no tests to run|testing: warning)'

check: ## gofmt, vet, staticcheck, direction of imports
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "not gofmt'ed: $$bad"; exit 1; fi
	@$(GO) vet ./...
	@cd internal/clients/goclients && $(GO) vet ./...
	@$(GO) run $(STATICCHECK) -checks all ./...
	@$(GO) test ./internal/layers

fuzz: ## every fuzz target for FUZZTIME (10s) each
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "== $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; done

bench: setup build ## Regent beside keepalived, by turns: writes docs/bench (as root; hours). PARTS=failover,scale ROUNDS=5 KEEPALIVED=path: some of it
	@$(GO) run ./bench $(if $(PARTS),-parts $(PARTS)) $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(CASE),-case '$(CASE)') $(foreach k,$(KEEPALIVED),-keepalived $(k))

benchmarks: ## the benchmarks of the packages
	@$(GO) test -run '^$$' -bench . -benchmem ./...

campaign: ## SEEDS (1000000) simulated schedules from FIRST on: the protocol, then policy; as long as that takes
	@REGENT_SIM_SCHEDULES=$(or $(SEEDS),1000000) REGENT_SIM_FIRST=$(or $(FIRST),1) $(GO) test ./vrrp/vrrpsim -run '^TestSchedules$$' -count=1 -timeout 0 -v
	@REGENT_SIM_SCHEDULES=$(or $(SEEDS),1000000) REGENT_SIM_FIRST=$(or $(FIRST),1) $(GO) test ./policy/agent -run 'Schedules' -count=1 -timeout 0 -v

mutation: ## what share of seeded faults in the deciding packages the tests notice (an hour or more)
	@for pkg in vrrp policy; do \
		$(GO) run $(GREMLINS) unleash --exclude-files 'vrrpsim|transport|agent' --output-statuses l --timeout-coefficient 20 ./$$pkg || exit 1; \
	done

chaos: setup build ## random faults in namespaces for TIME (30m), judged by captures alone (as root); SEED plays one again
	@mkdir -p $(ARTIFACTS)
	@REGENT_CHAOS_TIME=$(or $(TIME),30m) REGENT_CHAOS_SEED=$(SEED) REGENT_REQUIRE_NETWORK=1 $(GO) test ./internal/chaos -run '^TestProofChaos$$' -count=1 -timeout 0 -v -artifacts -outputdir $(ARTIFACTS)

clients: SHELL := /bin/bash
clients: .SHELLFLAGS := -o pipefail -c
clients: ## what real clients do at a takeover: writes docs/clients.md (as root; minutes; installs clients and servers)
	@.ci/setup-clients
	@REGENT_CLIENTS=1 REGENT_REQUIRE_NETWORK=1 $(GO) test ./internal/clients -run '^TestProofEveryClient$$' -count=1 -timeout 30m -v | grep --line-buffered -Ev '_linux.go:'

deb: ## dist/*.deb: the Debian packages regent and regent-keepalived
	@VERSION='$(VERSION)' GO='$(GO)' packaging/deb/build dist

sbom: build ## dist/regent.cdx.json: what the program consists of, in CycloneDX; dist/THIRD-PARTY: the licences of its parts
	@mkdir -p dist
	@$(GO) run ./packaging/sbom/gen -version '$(VERSION)' -sbom dist/regent.cdx.json -notices dist/THIRD-PARTY bin/regent

setup: ## the Debian packages that the tests use (needs root, or says what is missing)
	@.ci/setup

clean: ## what was built
	@rm -rf bin dist artifacts
