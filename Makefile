# Cargo builds; this lays the results out under build/ as they are installed, and
# knows how to check and install them. `make help` lists the targets.

VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
SONAME := libminirpc.so.1
HEADERS := minirpc.h types.h protocol.h transport.h xdr.h xdr_library.h

# TLS=0: without libminirpc-tls, and without the crates that it needs.
TLS ?= 1
ifneq ($(TLS),0)
NEED_TLS := openssl
else
WITHOUT_TLS := --exclude minirpc-tls --no-default-features
endif

# Where `install` puts things. DESTDIR goes in front of all of them.
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share
BASH_COMPLETIONS := $(DATADIR)/bash-completion/completions
ZSH_COMPLETIONS := $(DATADIR)/zsh/site-functions
FISH_COMPLETIONS := $(DATADIR)/fish/vendor_completions.d
DESTDIR ?=

# How `all` builds: more flags for cargo, and where the results go.
CARGO ?= cargo
CARGOFLAGS ?=
BUILD ?= build
TARGET := $(or $(CARGO_TARGET_DIR),target)

# For another machine, cargo's name of it and a compiler for it:
# make CARGO_BUILD_TARGET=aarch64-unknown-linux-gnu CC=aarch64-linux-gnu-gcc
CARGO_BUILD_TARGET ?=
STRIP ?= $(or $(patsubst %gcc,%strip,$(lastword $(filter %gcc,$(CC)))),strip)
export STRIP
ifneq ($(CARGO_BUILD_TARGET),)
export CARGO_BUILD_TARGET
LINKER := CARGO_TARGET_$(shell echo $(CARGO_BUILD_TARGET) | tr a-z- A-Z_)_LINKER
ifeq ($($(LINKER)),)
export $(LINKER) := $(CC)
endif
else ifneq ($(filter --target --target=%,$(CARGOFLAGS)),)
$(error instead of --target, give CARGO_BUILD_TARGET: see above)
endif
RELEASE := $(addsuffix /,$(CARGO_BUILD_TARGET))release

# REPRODUCIBLE=1: the same bytes wherever this tree and cargo's home are.
ifeq ($(REPRODUCIBLE),1)
CARGO_AT := $(or $(CARGO_HOME),$(HOME)/.cargo)
export RUSTFLAGS += --remap-path-prefix=$(CARGO_AT)=/cargo --remap-path-prefix=$(CURDIR)=/libminirpc
export CFLAGS += -ffile-prefix-map=$(CARGO_AT)=/cargo -ffile-prefix-map=$(CURDIR)=/libminirpc
endif

INSTALL ?= install
# rustup's programs may not be in the path of a non-interactive shell.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: all demo check check-cargo check-loom check-sim check-stress check-gen check-c check-abi check-install \
	bench header install uninstall clean help
.PHONY: man check-man html check-html

# The tools that targets need beside those of `all`, which looks for all of them before
# anything is built: what is set for a target here holds for what it depends on.
NEED := cargo cc crates strip
NEED_CARGO := c++ cpp $(NEED_TLS)
NEED_GEN := c++ cpp libtirpc objcopy pkg-config readelf rpcgen
NEED_ABI := c++ libtirpc nm readelf
NEED_INSTALL := cmake cpp man meson pkg-config readelf
NEED_C := ar c++ cpp libtirpc $(NEED_TLS) pkg-config rpcgen $(filter valgrind,$(MODE))
demo: NEED += cpp $(NEED_TLS) tar
check: NEED += $(sort $(NEED_CARGO) $(NEED_GEN) $(NEED_ABI) $(NEED_INSTALL) $(NEED_C))
check-cargo: NEED += $(NEED_CARGO)
check-gen: NEED += $(NEED_GEN)
check-abi: NEED += $(NEED_ABI)
check-install: NEED += $(NEED_INSTALL)
check-guide: NEED += cpp pkg-config
check-man: NEED += man mandoc
check-c check-mutants check-stress: NEED += $(NEED_C)
soak: NEED += cpp $(NEED_TLS)
check-faults check-network: NEED += cpp $(NEED_TLS)
nightly-generated nightly-files bench-xdr: NEED += cpp libtirpc objcopy pkg-config rpcgen
nightly-files: NEED += c++
bench: NEED += cpp $(NEED_TLS) python3 $(if $(findstring --strace,$(BENCH)),strace) $(if $(findstring --simulate,$(BENCH)),addr2line objdump readelf valgrind)

all: man ## build the library, minirpcgen, mrpc and the manual into build/ (the default)
	@scripts/need $(NEED)
	$(CARGO) build --release --workspace --exclude minirpc-manual $(WITHOUT_TLS) $(CARGOFLAGS)
	@TLS=$(TLS) scripts/lay-out $(TARGET)/$(RELEASE) $(BUILD) $(VERSION)

# It runs on the machine that builds, whatever that builds for.
MANUAL := env -u CARGO_BUILD_TARGET $(CARGO) run --release -p minirpc-manual $(CARGOFLAGS) --
DOCUMENTED := $(addprefix include/minirpc/,minirpc.h types.h protocol.h transport.h xdr.h $(if $(filter-out 0,$(TLS)),tls.h))

man: ## the manual's pages, of the headers' comments and docs/, into build/man/
	@scripts/need $(NEED)
	$(MANUAL) man $(BUILD)/man $(DOCUMENTED)

check-man: all ## all pages without a warning, and one for each function
	TLS=$(TLS) scripts/check-man $(BUILD)/man

html: ## the guide and the reference into build/html/
	@scripts/need $(NEED) sphinx
	$(INSTALL) -d $(BUILD)/html-src
	$(MANUAL) reference $(BUILD)/html-src/reference $(sort $(DOCUMENTED) include/minirpc/tls.h)
	scripts/stage-html $(BUILD)/html-src
	/usr/bin/python3 -m sphinx -q -W --keep-going -b html -d $(BUILD)/html-trees $(BUILD)/html-src $(BUILD)/html

check-html: NEED += browser
check-html: html ## look at it by a browser: links, search, 380 pixels, light and dark; pictures in build/html-shots/
	scripts/check-html $(BUILD)/html $(BUILD)/html-shots

demo: all ## build all, run the examples, copy this source tree through the RPC
	examples/demo

.PHONY: demo-scale
demo-scale: NEED += cpp haproxy
demo-scale: all ## three servers behind HAProxy, which are replaced and killed under load
	examples/scale-out/demo

# One after the other, also with -j: the last line of each is its verdict.
check: ## check-cargo, -sim, -gen, -python, -abi, -install, -guide, -stress, -c; MODE=valgrind or asan is for C tests
	@scripts/need $(NEED)
	@$(MAKE) --no-print-directory check-cargo
	@$(MAKE) --no-print-directory check-sim
	@$(MAKE) --no-print-directory check-gen
	@$(MAKE) --no-print-directory check-python
	@$(MAKE) --no-print-directory check-abi
	@$(MAKE) --no-print-directory check-install
	@$(MAKE) --no-print-directory check-guide
	@$(MAKE) --no-print-directory check-stress
	@$(MAKE) --no-print-directory check-c

check-cargo: ## the Rust tests
	@scripts/need $(NEED)
	$(CARGO) test --workspace $(WITHOUT_TLS) $(CARGOFLAGS)

check-loom: ## the threading protocol, in every order of events (needs some minutes)
	@scripts/need $(NEED)
	RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=$(TARGET)/loom \
		$(CARGO) test --release --lib $(CARGOFLAGS) models

# SIM_SECONDS=n: new runs of each test for so long; SIM_SEED=n: that run; SIM_TRACE=1: its steps.
check-sim: ## the library in a simulated system, by many schedules; SIM_SECONDS=n, TESTS=name
	@scripts/need cargo cc
	RUSTFLAGS="--cfg sim" CARGO_TARGET_DIR=$(TARGET)/sim \
		$(CARGO) test --profile sim --lib $(CARGOFLAGS) -- --nocapture $(or $(TESTS),sim_tests)

.PHONY: check-miri
check-miri: ## the unit tests under Miri, with a nightly toolchain; TESTS=names
	@scripts/need cargo cc
	CARGO_TARGET_DIR=$(TARGET) scripts/check-miri $(TESTS)

.PHONY: coverage
coverage: NEED += $(NEED_C)
coverage: all ## the lines of the library that no test runs; TESTS='group/* name' for the C tests
	CARGO_TARGET_DIR=$(TARGET) scripts/coverage $(TESTS)

.PHONY: check-tsan
check-tsan: ## C tests under the thread sanitizer, with a nightly toolchain; TESTS='group/* name'
	@scripts/need cargo cc cpp
	$(MAKE) --no-print-directory all
	CARGO_TARGET_DIR=$(TARGET) scripts/check-tsan $(TESTS)

STRESS_SECONDS ?= 2
check-stress: all ## everything at once, with random delays; STRESS_SECONDS=n for each of twelve runs
	$(CARGO) build --release --lib --features chaos --target-dir $(TARGET)/chaos $(CARGOFLAGS)
	$(INSTALL) -d $(BUILD)/chaos
	$(INSTALL) $(TARGET)/chaos/$(RELEASE)/libminirpc.so $(BUILD)/chaos/$(SONAME)
	ln -sf $(SONAME) $(BUILD)/chaos/libminirpc.so
	scripts/stress $(STRESS_SECONDS) $(BUILD)/chaos

check-gen: all ## minirpcgen's tests
	minirpcgen/tests/run

.PHONY: check-python
check-python: NEED += cpp
check-python: all ## peers in Python, if there is 3.11 or later; VALUES=n of each type
	python/tests/run

.PHONY: check-races
check-races: NEED += valgrind
check-races: all ## the suppressions for helgrind and DRD: that they hide the library's, and nothing else
	scripts/check-races $(BUILD)/lib

.PHONY: fuzz fuzz-smoke
NEED_FUZZ := cargo cc c++ clang cpp crates openssl
fuzz-smoke: ## each fuzz target for 20 seconds: fuzz/README.md; FUZZ_SECONDS=n
	@scripts/need $(NEED_FUZZ)
	scripts/fuzz smoke $(or $(FUZZ_SECONDS),20)

fuzz: ## one fuzz target: TARGET=name SECONDS=n
	@scripts/need $(NEED_FUZZ)
	scripts/fuzz run $(TARGET) $(or $(SECONDS),60)

.PHONY: check-mutants
check-mutants: ## whether the tests notice what scripts/mutants breaks; MUTANTS='names'
	@scripts/need $(NEED)
	scripts/check-mutants $(MUTANTS)

.PHONY: nightly
nightly: ## all that takes too long for CI: other machines, packages, HTML, soak; ONLY='names', as root
	.ci/nightly $(ONLY)

.PHONY: nightly-generated
nightly-generated: all ## a million random inputs to generated code, beside rpcgen's; SEED=n
	INPUTS=$${INPUTS:-1000000} minirpcgen/tests/differential/run

.PHONY: nightly-files
nightly-files: all ## interface files of Debian's packages, beside rpcgen; FILES='package/* ...'
	scripts/nightly-files $(FILES)

check-abi: all ## headers without a warning; symbols, SONAME, size; the map of the tests
	scripts/check-arrows
	scripts/check-test-map
	scripts/check-headers
	scripts/check-abidiff
	scripts/check-library $(BUILD)/lib/libminirpc.so.$(VERSION)
ifneq ($(TLS),0)
	scripts/check-library $(BUILD)/lib/libminirpc-tls.so.$(VERSION)
endif

.PHONY: check-supply
check-supply: ## crates, unsafe blocks and the oldest compiler beside what was reviewed
	@scripts/need cargo cc crates
	scripts/check-review
	scripts/check-supply

.PHONY: sbom
sbom: ## what is in libraries and programs, as CycloneDX documents in build/sbom
	@scripts/need cargo crates python3
	$(INSTALL) -d $(BUILD)/sbom
	for package in minirpc $(if $(WITHOUT_TLS),,minirpc-tls) minirpcgen mrpc; do \
		scripts/sbom $$package >$(BUILD)/sbom/$$package.cdx.json || exit 1; \
	done

.PHONY: check-guide
check-guide: all ## the guide's programs, and that it quotes them
	scripts/check-guide

check-install: all ## install to an empty place, build a program against it
	TLS=$(TLS) MAKE="$(MAKE)" scripts/check-install

.PHONY: deb check-reproducible
NEED_DEB := cargo cc crates dh dpkg-buildpackage lintian python3 sphinx strip
deb: ## Debian packages, in build/deb
	@scripts/need $(NEED_DEB)
	scripts/deb

check-reproducible: ## whether packages built in two folders have the same bytes (needs minutes)
	@scripts/need $(NEED_DEB)
	scripts/check-reproducible

check-c: all ## the C suite; TESTS='group/* name', REPEAT=n, MODE, LIBDIR=dir
	c-tests/run $(TESTS)

bench: all ## measure it beside raw sockets, 10 minutes; BENCH=--quick and more
	bench/run $(BENCH)

.PHONY: bench-xdr
bench-xdr: all ## generated code beside rpcgen's, as a ratio
	bench/xdr/run

.PHONY: soak
soak: all ## everything at once for MINUTES=n: every answer right; memory, descriptors, threads flat
	bench/load/run soak $(or $(MINUTES),1)

.PHONY: check-load
check-load: NEED += cpp python3 $(NEED_TLS)
check-load: all ## 15,000 connections, churn, storms, hostile peers; CONNECTIONS, CHURN, SECONDS for each attack
	bench/load/run all $(or $(CONNECTIONS),15000) $(or $(CHURN),200000) $(or $(SECONDS),8)

# FAULTS=n: every n-th point; 1 is all of them, some 20,000, in half an hour.
FAULTS ?= 40
.PHONY: check-faults
check-faults: all ## calls of the C library fail, one after the other; FAULTS=1 for all, SCENES='names'
	FAULTS=$(FAULTS) faults/run $(SCENES)

.PHONY: check-network
check-network: all ## delay, loss, links that go down, peers that freeze or die; NETWORK_SECONDS=n, as root
	faults/run-network

header: ## make minirpc.h and tls.h in include/minirpc of the comments in src/ffi and tls/src/ffi.rs
	@scripts/need $(NEED)
	MINIRPC_HEADER=$(CURDIR)/include/minirpc/minirpc.h $(CARGO) check --lib
ifneq ($(TLS),0)
	MINIRPC_TLS_HEADER=$(CURDIR)/include/minirpc/tls.h $(CARGO) check -p minirpc-tls
endif

# Which flags of libtirpc, for stubs from rpcgen, go into minirpc.pc: TIRPC=yes, no, or auto,
# which is yes where its development files are installed.
TIRPC ?= auto
ifeq ($(filter yes no auto,$(TIRPC)),)
$(error TIRPC is yes, no or auto, and not $(TIRPC))
endif
ifneq ($(TIRPC),no)
TIRPC_CFLAGS ?= $(shell pkg-config --cflags libtirpc 2>/dev/null)
TIRPC_LIBS ?= $(shell pkg-config --libs libtirpc 2>/dev/null)
endif
NEED_TIRPC_yes := pkg-config libtirpc
install: NEED += $(NEED_TIRPC_$(TIRPC))

# What stands between two @ in the files for pkg-config and CMake. The latter name other places
# as seen from theirs, so that all of it can be moved.
CMAKEDIR = $(LIBDIR)/cmake/minirpc
FROM_CMAKEDIR = realpath -m --relative-to="$(CMAKEDIR)"
FILL_IN = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	-e 's|@BINDIR@|$(BINDIR)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@MAJOR@|$(firstword $(subst ., ,$(VERSION)))|' \
	-e 's|@TIRPC_CFLAGS@|$(TIRPC_CFLAGS)|' -e 's|@TIRPC_LIBS@|$(TIRPC_LIBS)|' \
	-e "s|@TO_INCLUDEDIR@|$$($(FROM_CMAKEDIR) "$(INCLUDEDIR)")|" -e "s|@TO_BINDIR@|$$($(FROM_CMAKEDIR) "$(BINDIR)")|" \
	-e "s|@POINTER@|$$(($$(od -An -j4 -N1 -tu1 $(BUILD)/lib/libminirpc.so.$(VERSION)) * 4))|g" \
	-e 's| *$$||'

# What another user has built is installed by root as it is, which may have no Rust, and would fetch
# and compile all of it once more.
BUILT := $(shell [ "$$(id -u)" -ne 0 ] || find $(BUILD)/lib/libminirpc.so.$(VERSION) ! -user 0 2>/dev/null)

install: $(if $(BUILT),,all) ## install below PREFIX (also DESTDIR LIBDIR INCLUDEDIR BINDIR MANDIR DATADIR); TIRPC=yes|no|auto
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/minirpc \
		$(DESTDIR)$(BINDIR) $(addprefix $(DESTDIR)$(MANDIR)/,man1 man3 man5 man7) $(DESTDIR)$(BASH_COMPLETIONS) \
		$(DESTDIR)$(ZSH_COMPLETIONS) $(DESTDIR)$(FISH_COMPLETIONS)
	$(INSTALL) -m 644 $(HEADERS:%=include/minirpc/%) $(DESTDIR)$(INCLUDEDIR)/minirpc
ifneq ($(TLS),0)
	$(INSTALL) -m 644 include/minirpc/tls.h $(DESTDIR)$(INCLUDEDIR)/minirpc
	$(INSTALL) -m 755 $(BUILD)/lib/libminirpc-tls.so.$(VERSION) $(DESTDIR)$(LIBDIR)
	ln -sf libminirpc-tls.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libminirpc-tls.so.1
	ln -sf libminirpc-tls.so.1 $(DESTDIR)$(LIBDIR)/libminirpc-tls.so
	$(FILL_IN) minirpc-tls.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/minirpc-tls.pc
	chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/minirpc-tls.pc
endif
	$(INSTALL) -m 755 $(BUILD)/lib/libminirpc.so.$(VERSION) $(DESTDIR)$(LIBDIR)
	ln -sf libminirpc.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libminirpc.so
	$(INSTALL) -m 644 $(BUILD)/lib/libminirpc.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $(BUILD)/bin/minirpcgen $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 755 $(BUILD)/bin/mrpc $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 644 minirpcgen/minirpcgen.1 mrpc/mrpc.1 $(DESTDIR)$(MANDIR)/man1
	for page in $(BUILD)/man/man[357]/*; do \
		to=$(DESTDIR)$(MANDIR)/$${page#$(BUILD)/man/}; \
		if [ -h $$page ]; then ln -sf $$(readlink $$page) $$to; else $(INSTALL) -m 644 $$page $$to; fi || exit 1; \
	done
	for program in mrpc minirpcgen; do \
		$(INSTALL) -m 644 $$program/completions/$$program.bash $(DESTDIR)$(BASH_COMPLETIONS)/$$program && \
		$(INSTALL) -m 644 $$program/completions/_$$program $(DESTDIR)$(ZSH_COMPLETIONS) && \
		$(INSTALL) -m 644 $$program/completions/$$program.fish $(DESTDIR)$(FISH_COMPLETIONS) || exit 1; \
	done
	$(FILL_IN) minirpc.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/minirpc.pc
	chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/minirpc.pc
	$(INSTALL) -d $(DESTDIR)$(DATADIR)/minirpc
	$(INSTALL) -m 644 valgrind/minirpc.supp $(DESTDIR)$(DATADIR)/minirpc
	$(INSTALL) -d $(DESTDIR)$(CMAKEDIR)
	for file in minirpc-config minirpc-config-version; do \
		$(FILL_IN) cmake/$$file.cmake.in >$(DESTDIR)$(CMAKEDIR)/$$file.cmake && \
		chmod 644 $(DESTDIR)$(CMAKEDIR)/$$file.cmake || exit 1; \
	done
	@# A library in a place that the loader caches is found at once.
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || ldconfig

uninstall: ## remove what install put there
	rm -f $(HEADERS:%=$(DESTDIR)$(INCLUDEDIR)/minirpc/%) \
		$(DESTDIR)$(INCLUDEDIR)/minirpc/tls.h $(DESTDIR)$(LIBDIR)/libminirpc-tls.so \
		$(DESTDIR)$(LIBDIR)/libminirpc-tls.so.1 $(DESTDIR)$(LIBDIR)/libminirpc-tls.so.$(VERSION) \
		$(DESTDIR)$(LIBDIR)/pkgconfig/minirpc-tls.pc \
		$(DESTDIR)$(LIBDIR)/libminirpc.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME) \
		$(DESTDIR)$(LIBDIR)/libminirpc.so $(DESTDIR)$(LIBDIR)/libminirpc.a \
		$(DESTDIR)$(LIBDIR)/pkgconfig/minirpc.pc $(DESTDIR)$(BINDIR)/minirpcgen \
		$(DESTDIR)$(MANDIR)/man1/minirpcgen.1 $(DESTDIR)$(BINDIR)/mrpc \
		$(DESTDIR)$(MANDIR)/man1/mrpc.1 $(DESTDIR)$(BASH_COMPLETIONS)/mrpc \
		$(DESTDIR)$(ZSH_COMPLETIONS)/_mrpc $(DESTDIR)$(FISH_COMPLETIONS)/mrpc.fish \
		$(DESTDIR)$(BASH_COMPLETIONS)/minirpcgen $(DESTDIR)$(ZSH_COMPLETIONS)/_minirpcgen \
		$(DESTDIR)$(FISH_COMPLETIONS)/minirpcgen.fish
	rm -f $(DESTDIR)$(MANDIR)/man3/mrpc_*.3 $(DESTDIR)$(MANDIR)/man3/MRPC_*.3 \
		$(DESTDIR)$(MANDIR)/man5/mx.5 $(DESTDIR)$(MANDIR)/man7/minirpc.7
	rm -f $(DESTDIR)$(DATADIR)/minirpc/minirpc.supp
	rm -f $(DESTDIR)$(CMAKEDIR)/minirpc-config.cmake $(DESTDIR)$(CMAKEDIR)/minirpc-config-version.cmake
	rmdir $(DESTDIR)$(INCLUDEDIR)/minirpc $(DESTDIR)$(DATADIR)/minirpc $(DESTDIR)$(CMAKEDIR) 2>/dev/null || true

clean: ## remove all that was built
	rm -rf $(BUILD)
	$(CARGO) clean

help: ## show this
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | \
		while IFS='|' read -r name text; do printf '%-18s %s\n' "$$name" "$$text"; done
