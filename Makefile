# liftalot: what a person types. `make` alone lists it.

GO          ?= go
FUZZTIME    ?= 30s
TESTFLAGS   ?= -timeout 80m
PACKAGES    ?= ./...

STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK  = golang.org/x/vuln/cmd/govulncheck@v1.9.0
GOTESTSUM    = gotest.tools/gotestsum@v1.13.0
PLATFORMS    = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# Without cgo and without paths of this machine, so that the same source gives
# the same bytes; with the commit, where git knows it.
VCS         := $(shell git rev-parse -q --verify HEAD >/dev/null 2>&1 && echo true || echo false)
FLAGS        = -trimpath -buildvcs=$(VCS) -ldflags=-s

.DEFAULT_GOAL := help
.PHONY: help build dist sbom demo quick test lanes torture lint fuzz golden bench clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/liftalot
	CGO_ENABLED=0 $(GO) build $(FLAGS) -o bin/liftalot ./cmd/liftalot

dist: ## make a release in dist/: archives for six platforms, .deb, .rpm and checksums; refuses one that is not reproducible
	@GO="$(GO)" FLAGS="$(FLAGS)" PLATFORMS="$(PLATFORMS)" .ci/dist

sbom: build ## write bin/liftalot.cdx.json: what the binary is made of (CycloneDX)
	@GO="$(GO)" .ci/sbom bin/liftalot >bin/liftalot.cdx.json
	@echo bin/liftalot.cdx.json

demo: ## lift two throw-away servers and put them back, checked from outside; simulated ones where no Docker engine answers
	@$(GO) build -o bin/demo ./testenv/cmd/demo
	@exec bin/demo

quick: ## the tests that need no server and no sshd: what one runs before each commit
	$(GO) test -short $(PACKAGES)

test: ## every test with -race; those on real servers too where a Docker engine answers
	@GO="$(GO)" TESTFLAGS="$(TESTFLAGS)" PACKAGES="$(PACKAGES)" GOTESTSUM="$(GOTESTSUM)" .ci/test

lanes: ## the main story and what remote promises on every kind of server (LANES='sid bookworm': on these), into docs/hosts.md
	$(GO) run ./testenv/cmd/lanes -write docs/hosts.md $(LANES)

torture: ## kill, cut, reboot and fill at thousands of points of an upgrade, and go on (SEED= takes others); tear backups
	$(GO) test -count=1 -run TestTorture ./plan/backup -all
	$(GO) run ./testenv/cmd/torture -seed $(or $(SEED),1)

lint: ## gofmt, go vet, staticcheck, govulncheck (VULNDB=file:///… where the net is closed)
	@GO="$(GO)" STATICCHECK="$(STATICCHECK)" GOVULNCHECK="$(GOVULNCHECK)" .ci/lint

fuzz: ## every fuzz target there is, FUZZTIME=30s each
	@grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file name; do \
		name=$${name#func }; echo "$${file%/*} $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) "$${file%/*}" </dev/null || exit 1; \
	done

golden: ## write what tests get as what they expect; read the diff before you commit it
	@grep -rlE --include='*_test.go' 'flag\.Bool\("update"' . | xargs -r dirname | sort -u | while read -r pkg; do \
		$(GO) test $$pkg -update </dev/null || exit 1; done
	@grep -rl --include='*_test.go' 'Getenv("LIFTALOT_GOLDEN")' . | xargs -r dirname | sort -u | while read -r pkg; do \
		LIFTALOT_GOLDEN=1 $(GO) test -count=1 $$pkg </dev/null || exit 1; done

bench: ## every benchmark, a thousand hosts, and liftalot beside ssh and Ansible on the same work
	$(GO) test -run '^$$' -bench . -benchmem $(PACKAGES)
	LIFTALOT_HOSTS=1000 $(GO) test -count=1 -run 'TestManyHosts' -v ./cmd/internal/cli
	$(GO) build -o bin/bench ./testenv/bench
	exec bin/bench -write docs/performance.md

clean: ## remove what was built; servers and images: go run ./testenv/cmd/testenv down --help
	rm -rf bin dist
