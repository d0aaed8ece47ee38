# Weft: every verb of the project. `make` alone lists them.

SHELL := /bin/sh
BUILD ?= .build/debug
RELEASE ?= .build/release
STATIC ?= .build/static/release
PREFIX ?= /usr/local
PODMAN ?= podman
BASE ?= docker.io/library/debian:12-slim
T ?=
SECONDS ?= 20

build_packages := libssl-dev libyaml-dev libmnl-dev libpcre2-dev libc-ares-dev libsqlite3-dev
demo_packages := $(build_packages) iproute2 iptables curl busybox tcpdump
test_packages := $(demo_packages) nftables conntrack netcat-openbsd openssl openssh-server exim4-daemon-light redis-server libcap2-bin runc nghttp2-client nghttp2-server python3 python3-grpcio python3-websockets etcd-server bind9-dnsutils dnsmasq-base uidmap
image_packages := podman
bench_packages := $(build_packages) iproute2 iptables openssl curl haproxy nginx-light libnginx-mod-stream
layout_packages := bolt-19
# lld and the relocations are what the layout needs; see init-scripts/layout.
proxy_options := --static-swift-stdlib -Xswiftc -static-executable -Xswiftc -use-ld=lld -Xlinker --emit-relocs --scratch-path .build/static
# What init-scripts/layout/unconfined.c stands for while the profile is recorded.
unconfined := weft_harden_process weft_landlock weft_seccomp
programs := weft weft-init weft-proxy weft-control

# Installs what is missing of a list through the distribution's package manager, and says so. Services that a package
# brings along are not started: they are only run inside the namespaces of tests.
define install
@missing=""; for package in $(1); do dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	[ -z "$$missing" ] || init-scripts/install-packages.sh $$missing
endef

# weft-proxy as it is released: static, and its code laid out after linking.
define release_proxy
	-$(call install,$(layout_packages))
	swift build -c release $(proxy_options) --product weft-proxy
	init-scripts/layout/lay-out.sh $(STATIC)/weft-proxy
endef

.PHONY: help
help: ## this list
	@echo "Weft. The two to begin with: make demo, make test"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: demo
demo: ## a whole mesh on this machine, and what travels between two sidecars (root)
	$(call install,$(demo_packages))
	for program in $(programs); do swift build --product $$program || exit 1; done
	$(BUILD)/weft dev --check
	WEFT_BIN=$(BUILD) init-scripts/demo.sh

.PHONY: test
test: ## every test; as root also those in network namespaces and containers
	$(call install,$(test_packages))
	swift build --build-tests
	swift test --skip-build --no-parallel

.PHONY: build
build: ## the programs, for development
	$(call install,$(build_packages))
	for program in $(programs); do swift build --product $$program || exit 1; done

.PHONY: release
release: ## the programs, optimised; weft-proxy without any library to bring along
	$(call install,$(build_packages))
	swift build -c release --static-swift-stdlib --product weft
	swift build -c release --static-swift-stdlib --product weft-control
	swift build -c release --static-swift-stdlib --product weft-init
	$(release_proxy)

.PHONY: install
install: release ## the release into $(PREFIX)/bin, and the systemd units
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 0755 $(RELEASE)/weft $(RELEASE)/weft-control $(RELEASE)/weft-init $(STATIC)/weft-proxy $(DESTDIR)$(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d
	install -m 0644 init-scripts/systemd/weft.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/weft.conf
	for unit in weft-init weft-proxy weft-control; do sed 's,/usr/local/,$(PREFIX)/,' init-scripts/systemd/$$unit.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit.service || exit 1; done

.PHONY: images
images: release ## the container images localhost/weft-proxy, weft-init and weft-control; BASE= is what the last two are built on
	$(call install,$(image_packages))
	rm -rf .build/images && install -d .build/images/empty && install -d -m 0700 .build/images/state/weft .build/images/plane/weft-control
	cp $(RELEASE)/weft $(RELEASE)/weft-control $(RELEASE)/weft-init $(STATIC)/weft-proxy init-scripts/container-init.sh .build/images
	strip --strip-debug .build/images/weft .build/images/weft-control .build/images/weft-init
	for image in proxy init control; do $(PODMAN) build $(PODMAN_BUILD) --target $$image --build-arg BASE=$(BASE) \
		--tag weft-$$image --file init-scripts/Containerfile .build/images || exit 1; done

.PHONY: check
check: fmt-check lint test ## what continuous integration asks for

.PHONY: fmt
fmt: ## formats every source file
	swift-format format -i -r Package.swift Sources Tests

.PHONY: fmt-check
fmt-check: ## fails where `make fmt` would change something
	@swift-format format -r Package.swift Sources Tests >/dev/null && git diff --quiet -- . || true
	@for file in $$(git ls-files '*.swift'); do swift-format format $$file | cmp -s - $$file || { echo "$$file: make fmt"; exit 1; }; done

.PHONY: lint
lint: ## the style of Swift and of shell
	swift-format lint --strict -r Package.swift Sources Tests
	for script in init-scripts/*.sh .ci/run; do sh -n $$script || exit 1; done

.PHONY: golden
golden: ## rewrites the golden files of the redirect rules and of imports; review the diff
	WEFT_WRITE_GOLDEN=1 swift test --filter 'RedirectionTests|EnvoyImportTests.GoldenTests'

.PHONY: fuzz
fuzz: ## fuzzes every parser, or one with T=, for SECONDS=20 each
	SECONDS_EACH=$(SECONDS) init-scripts/fuzz.sh $(T)

.PHONY: sanitize
sanitize: ## the tests of single parts under AddressSanitizer, or with T=thread under ThreadSanitizer
	LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/leaks.supp:print_suppressions=0 \
	swift test --sanitize $(or $(T),address) --scratch-path .build/$(or $(T),address) \
		--skip 'CaptureTests|ContainerTests|ProxyTests|StyleTests|WeftCommandTests'

.PHONY: docs
docs: ## rewrites the pages that are made from the source: docs/errors.md, docs/metrics.md
	WEFT_WRITE_GOLDEN=1 swift test --filter DocumentationTests

.PHONY: bench
bench: benchmark ## Weft beside haproxy, nginx and a direct connection: about 40 minutes on a quiet machine (root)
	$(RELEASE)/weft-benchmark run

.PHONY: bench-quick
bench-quick: benchmark ## the same with fewer and shorter rounds: about 6 minutes (root)
	$(RELEASE)/weft-benchmark run --quick

# The release is what is measured. Only with this variable does the package have the benchmark at all.
.PHONY: benchmark
benchmark: release
	$(call install,$(bench_packages))
	WEFT_BENCHMARKS=1 swift build -c release --static-swift-stdlib --product weft-benchmark

.PHONY: bench-control
bench-control: ## what the control plane costs and how fast it is: about 7 minutes on a quiet machine; QUICK=1 for 2
	$(call install,$(build_packages))
	swift build -c release --static-swift-stdlib --product weft
	swift build -c release --static-swift-stdlib --product weft-control
	$(release_proxy)
	WEFT_BENCHMARKS=1 swift build -c release --static-swift-stdlib --product weft-control-benchmark
	$(RELEASE)/weft-control-benchmark run $(if $(QUICK),--quick)

.PHONY: layout
layout: benchmark ## records anew the profile by which weft-proxy is laid out, for changes to the path of requests (root)
	$(call install,$(layout_packages))
	$(CC) -c -o .build/unconfined.o init-scripts/layout/unconfined.c
	swift build -c release $(proxy_options) -Xlinker $(CURDIR)/.build/unconfined.o $(unconfined:%=-Xlinker --wrap=%) --product weft-proxy
	init-scripts/layout/record.sh $(STATIC)/weft-proxy $(RELEASE)/weft-benchmark $(RELEASE)
	@echo "now: make release"

.PHONY: clean
clean: ## removes everything that was built
	rm -rf .build
