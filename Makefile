# SPDX-License-Identifier: MIT
#
# One Makefile for everything; nothing recursive. Sources are found by wildcard in each directory,
# so a new file needs no line here. All output lies under build/ (build/clang with CC=clang).
#
#   ring 0   hv/base hv/kernel/* vmx vapic         -> tapvisor        the hypervisor
#   ring 3   hv/ring3/rt + monitor, rt + root      -> monitor.elf, root.elf
#   guests   guest-tools/lib + one file            -> guest/NAME.elf
#   host     files that say they are pure          -> host/*.a, linked into tests/unit/*
#   library  vapic                                 -> libvapic.a      the APIC model for others
#
# V=1 shows the commands.

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(filter gcc clang gcc-% clang-%,$(notdir $(CC))),)
$(error CC=$(CC): the build knows gcc and clang, for example `make CC=clang`)
endif

IS_CLANG := $(filter clang%,$(notdir $(CC)))
B        := $(if $(IS_CLANG),build/clang,build)
LD       := ld
AR       := ar
OBJCOPY  := objcopy
NASM     := nasm
JOBS     := $(shell nproc)

export PYTHONDONTWRITEBYTECODE := 1

SILENT := $(V)$(findstring s,$(firstword -$(MAKEFLAGS)))
Q      := $(if $(V),,@)
say     = $(if $(SILENT),@:,@printf '  %-8s %s\n' $(1) $(2))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
# A make within make has its -j from the outer one.
ifeq ($(filter -j%,$(MAKEFLAGS))$(filter-out 0,$(MAKELEVEL)),)
MAKEFLAGS += -j$(JOBS)
endif

# These build by a make of their own (guest-tools/linux/rules.mk), not beside another goal's.
ifneq ($(and $(filter linux linux-patched bench-linux soak-linux,$(MAKECMDGOALS)), \
	$(word 2,$(MAKECMDGOALS))),)
.NOTPARALLEL:
endif

# --- sources ---------------------------------------------------------------------------------

in        = $(wildcard $(addsuffix /*.c,$(1)) $(addsuffix /*.asm,$(1)))
object    = $(patsubst %,$(B)/obj/$(1)/%.o,$(2))
PURE_MARK := /* pure: also compiled on the host */
pure_in   = $(shell grep -slF '$(PURE_MARK)' /dev/null $(1))

KERNEL       := cpu boot sched vcpu vm user ipi pv exit build run
FONT         := $(B)/font.c
RING0_SRCS   := $(call in,hv/base hv/kernel $(KERNEL:%=hv/kernel/%) vmx) $(FONT)
VAPIC_SRCS   := $(call in,vapic)
RT_SRCS      := $(call in,hv/ring3/rt)
MONITOR_SRCS := $(call in,hv/ring3/monitor) vmx/walk.c
ROOT_SRCS    := $(call in,hv/ring3/root)
KIT_SRCS     := $(call in,guest-tools/lib)
IMAGE_SRCS   := $(call in,guest-tools/bench guest-tools/tests)
HOSTILE_SRCS := $(call in,guest-tools/hostile)
TAPSTAT_SRCS := $(call in,guest-tools/linux/tapstat)
WORKLOAD_SRCS := $(call in,guest-tools/linux/workloads)

# Pure files of every ring are built for the host as well; those at the bottom serve ring 3 too.
PURE_SRCS    := $(call pure_in,$(sort $(filter %.c,$(RING0_SRCS) $(RT_SRCS) $(MONITOR_SRCS) \
		$(ROOT_SRCS) $(TAPSTAT_SRCS))))
RTBASE_SRCS  := $(filter hv/base/%,$(PURE_SRCS)) $(wildcard hv/base/string.c) $(FONT)
PURE_SRCS    += $(FONT)

UNIT_SRCS    := $(wildcard tests/unit/*.c)
UNIT_LIB     := $(wildcard tests/unit/lib/*.c)
EMU_SRCS     := $(wildcard tests/emu/*.asm)

# --- flags -----------------------------------------------------------------------------------

WARN    := -Wall -Wextra -Werror -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	   -Wvla -Wundef
CBASE   := -std=gnu11 -g -I. $(WARN) -MMD -MP
MACHINE_C := $(CBASE) -O2 -m64 -ffreestanding -fno-builtin -mgeneral-regs-only -mno-red-zone \
	     -fno-pic -fno-pie -fno-stack-protector -fomit-frame-pointer -fcf-protection=none \
	     -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-common

# Ring 0 and ring 3 are optimised as wholes: exits cross files, and each call saved is some ticks
# of every exit. Fat objects serve the libraries too. clang builds without; it is there to check.
LTO          := $(if $(IS_CLANG),,-flto=2 -ffat-lto-objects)
ring0_CFLAGS := $(MACHINE_C) -mcmodel=kernel $(LTO)
ring3_CFLAGS := $(MACHINE_C) -mcmodel=small $(LTO)
guest_CFLAGS := $(MACHINE_C) -mcmodel=small
SANITIZE     := -fsanitize=address,undefined -fno-sanitize-recover=all
host_CFLAGS  := $(CBASE) -O1 -fno-omit-frame-pointer $(SANITIZE)
unit_CFLAGS  := $(host_CFLAGS) -pthread
linux_CFLAGS := $(CBASE) -O2
# For programs and libraries of any kind, with a libc or without.
library_CFLAGS := $(CBASE) -O2 -ffreestanding -fPIC -fvisibility=hidden -fno-stack-protector
HOST_LIBS    := -lcheck -lsubunit -lm -lrt -pthread

# Relocations of 32 bits are meant: what they name lies below 4 GiB. Versions before 2.16.03 do not
# know that warning's name.
NASMFLAGS := -f elf64 -g -F dwarf -I./ -Wall -Werror -w-unknown-warning -w-reloc
LDFLAGS   := -nostdlib -static --build-id=none -z max-page-size=0x1000 -z noexecstack \
	     --fatal-warnings

# --- objects ---------------------------------------------------------------------------------

RING0_OBJS   := $(call object,ring0,$(RING0_SRCS))
VAPIC_OBJS   := $(call object,ring0,$(VAPIC_SRCS))
RT_OBJS      := $(call object,ring3,$(RT_SRCS))
RTBASE_OBJS  := $(call object,ring3,$(RTBASE_SRCS))
MONITOR_OBJS := $(call object,ring3,$(MONITOR_SRCS))
ROOT_OBJS    := $(call object,ring3,$(ROOT_SRCS))
KIT_OBJS     := $(call object,guest,$(KIT_SRCS))
IMAGE_OBJS   := $(call object,guest,$(IMAGE_SRCS))
HOSTILE_OBJS := $(call object,guest,$(HOSTILE_SRCS))
HVAPIC_OBJS  := $(call object,host,$(VAPIC_SRCS))
LIBVAPIC_OBJS := $(call object,library,$(VAPIC_SRCS))
HPURE_OBJS   := $(call object,host,$(PURE_SRCS))
UNIT_OBJS    := $(call object,unit,$(UNIT_SRCS) $(UNIT_LIB))
EMU_OBJS     := $(call object,guest,$(EMU_SRCS))
ALL_OBJS     := $(RING0_OBJS) $(VAPIC_OBJS) $(RT_OBJS) $(RTBASE_OBJS) $(MONITOR_OBJS) $(ROOT_OBJS) \
		$(KIT_OBJS) $(IMAGE_OBJS) $(HOSTILE_OBJS) $(HVAPIC_OBJS) $(HPURE_OBJS) \
		$(UNIT_OBJS) $(EMU_OBJS) \
		$(LIBVAPIC_OBJS) \
		$(call object,linux,$(TAPSTAT_SRCS) $(WORKLOAD_SRCS))

GUESTS := $(sort $(patsubst %,$(B)/guest/%.elf,$(basename $(notdir $(IMAGE_SRCS))) hostile))
UNITS  := $(patsubst tests/unit/%.c,$(B)/unit/%.t,$(UNIT_SRCS)) $(wildcard tests/unit/*.t)
BINS   := $(B)/tapvisor $(B)/libvapic.a \
	  $(if $(MONITOR_SRCS),$(B)/monitor.elf) $(if $(ROOT_SRCS),$(B)/root.elf) $(GUESTS) \
	  $(B)/tapstat $(B)/shootdown $(B)/profile

# --- targets for people ----------------------------------------------------------------------

.PHONY: all iso run report shell boot linux libvapic check check-quick check-unit check-fresh \
	check-guests check-limits check-report check-threads check-models check-emu check-release \
	lint fuzz hostile coverage mutants loc disasm clean help objects units emus

all: $(BINS) ## build the hypervisor, its ring-3 programs and all guest images

libvapic: $(B)/libvapic.a ## the APIC model alone, as a library for other programs (docs/vapic.md)

iso: $(B)/tapvisor.iso ## one hybrid ISO for BIOS and UEFI from grub.cfg

# The names of all variables on the command line: make itself passes over those that nobody reads.
GIVEN = $(strip $(foreach name,$(.VARIABLES), \
	$(if $(filter command,$(firstword $(origin $(name)))),--given $(name))))

run: all ## boot the default entry and print what an IPI costs (ENTRY= MACHINE= CPUS=)
	$(Q)hv/host/run --build $(B) $(GIVEN)

report: ## one HTML page, CSV and JSON of the last run (FROM=telemetry.jsonl AGAINST=other.jsonl)
	$(Q)hv/host/mkreport --build $(B) $(GIVEN)

shell: all ## boot the default entry, Tapvisor's prompt on the terminal (ENTRY= ...)
	$(Q)hv/host/run --shell --build $(B) $(GIVEN)

boot: all ## boot IMAGE=path as a guest, its serial port on the terminal
	$(Q)hv/host/boot --build $(B) $(GIVEN)

# libcheck programs print TAP when this variable says so; their time limits are for a machine that
# does nothing else.
PROVE := CK_TAP_LOG_FILE_NAME=- CK_VERBOSITY=silent CK_TIMEOUT_MULTIPLIER=10 TAPVISOR_BUILD=$(B) \
	 prove --exec '' --timer --directives --failures

LINTS  := $(wildcard tests/lint/*.t)
PROOFS := $(wildcard tests/proof/*.t)
EMUS  := $(wildcard tests/emu/*.t)
# longest first
LONG  := guests.t apicv.t ring3.t hostile_time.t linux.t boot.t hostile.t compare.t shell.t pv.t
LONG  := $(addprefix tests/emu/,$(LONG))
# One boot of Debian's kernel is for every day (linux.t); the others are parts of their own:
# check-linux, check-linux-patched, check-nested, soak-linux; and check-guests, check-limits.
LINUX_EMUS := linux-inside.t linux-switches.t linux-ipis.t linux-soak.t linux-lockup.t nested.t
LINUX_EMUS := $(addprefix tests/emu/,$(LINUX_EMUS))
EMUS  := $(filter-out $(LINUX_EMUS) $(addprefix tests/emu/,others.t limits.t),$(EMUS))
EMUS  := $(filter $(EMUS),$(LONG)) $(filter-out $(LONG),$(EMUS)) # so that the last to end is short

# What takes seconds of processor time each is left to the stage behind the quick one.
SLOW_LINTS := $(addprefix tests/lint/,compilers.t headers.t vapic-library.t)
SLOW_UNITS := monitor_alu monitor_devices monitor_emulate root_life sched_queue vapic_hardware \
	      vapic_random vapic_regs vapic_route vapic_vm vmx_fetch vmx_walk root_columns
SLOW_UNITS := $(SLOW_UNITS:%=$(B)/unit/%.t) $(addprefix tests/unit/html_,report.t browser.t)

# Stages, each only where those before it have passed: what fails soonest is told soonest.
check: check-quick ## every test, in stages: check-quick, the slower ones, the emulator's
	$(Q)$(MAKE) --no-print-directory fuzzers tsans emus
	$(Q)$(PROVE) -j$(JOBS) $(SLOW_LINTS) $(PROOFS) $(TSANS) $(SLOW_UNITS)
	$(Q)$(PROVE) -j$(JOBS) $(EMUS)

check-quick: all units ## lints, quick unit tests and one boot: a minute, before each commit
	$(Q)$(PROVE) -j$(JOBS) $(filter-out $(SLOW_LINTS),$(LINTS)) \
		$(filter-out $(SLOW_UNITS),$(UNITS))
	$(Q)$(PROVE) tests/emu/guests.t :: x2apic:self_ipi,physical,hlt,pv_flush

check-unit: units ## host unit tests alone (ASan and UBSan)
	$(Q)$(PROVE) -j$(JOBS) $(UNITS)

check-emu: all emus ## emulator tests alone
	$(Q)$(PROVE) -j$(JOBS) $(EMUS)

# What compilers, emulators and boot loaders of another release can be seen by.
SEEN_BY := $(patsubst %,tests/emu/%.t,apicv compare boot faults pv counters crash entry commands)
check-release: all units emus ## unit tests, and those in the emulator that a new release is seen by
	$(Q)$(PROVE) -j$(JOBS) $(SEEN_BY) $(UNITS)

check-guests: all ## guests of others: memtest86+, Xen, GNU Mach, kernels of Debian (GUEST=name)
	$(Q)$(PROVE) --verbose tests/emu/others.t $(if $(GUEST),:: "$(GUEST)")

check-limits: all ## the bound of ring 0 at 15 VMs of 256 vCPUs, and with gigabytes (minutes)
	$(Q)$(PROVE) --verbose tests/emu/limits.t

check-report: ## the HTML report, in a real browser too (./setup check-report installs Chromium)
	$(Q)$(PROVE) --verbose $(sort $(wildcard tests/unit/html_*.t))

check-threads: tsans ## threads that post and share rings, under ThreadSanitizer
	$(Q)$(PROVE) $(TSANS)

check-models: ## the Spin models, large ones too: nothing lost, each order needed
	$(Q)$(PROVE) --verbose tests/proof/models.t :: --all

FRESH := $(or $(DEBIAN),bookworm trixie)
check-fresh: ## README's commands in bare Debians (DEBIAN=bookworm|trixie|forky PART=quick|...)
	$(Q)for release in $(FRESH); do \
		$(PROVE) -v tests/tools/fresh :: --part $(or $(PART),check) $$release || exit 1; \
	done

fuzz: fuzzers ## fuzzers of the APIC, images, lines, instructions (FUZZER=part RUNS= SECONDS=60)
	$(Q)tests/proof/fuzz --build $(B) $(FUZZER:%=--only %) $(RUNS:%=--runs %) \
		$(SECONDS:%=--seconds %)

coverage: covs ## branches of vapic/ that its unit tests take; fails below 95 %
	$(Q)tests/proof/coverage --build $(B)

mutants: ## plants faults in vapic/ one by one; fails if fewer than 95 % are caught (minutes)
	$(Q)tests/proof/mutants

hostile: all ## random hostile guests beside neighbours (SECONDS= OPS=1000000 SEED= KIND= STEP=)
	$(Q)tests/tools/hostile --build $(B) $(GIVEN)

lint: all units ## layers, headers, names, promises, formatting, sizes, both compilers
	$(Q)$(PROVE) -j$(JOBS) $(LINTS)

loc: ## count lines of code: ring 0 by directory against its budget, and the rest
	$(Q)tests/tools/loc

disasm: $(B)/tapvisor.dis ## disassemble the hypervisor with its source into build/tapvisor.dis

clean: ## remove build/ and compile_commands.json
	$(call say,RM,build compile_commands.json)
	$(Q)rm -rf build compile_commands.json

help: ## this list
	@sed -n 's/^\([a-z_.-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile guest-tools/linux/*.mk | \
		expand -t 24
	@echo
	@echo 'boot takes IMAGE=path [VCPUS=n] [MEM=64M] [APIC=xapic|x2apic]'
	@echo '     [PV=none|kvm|tap|kvm,tap] [CPUS=0-3] [ARGS="..."] [MACHINE=auto|bochs|kvm|qemu]'
	@echo '     [TIME=seconds] [INITRD=path] [MODULES="path args, path"] [SKIP=value]'
	@echo '     [IPS=5000000] [COUNTERS= APICV= POSTED= APICPAGE=off|on] [WEIGHT=100]'
	@echo '     [RESTART=off|on|reset|n]'
	@echo 'linux takes [DEBIAN=bookworm|trixie|forky] [VCPUS=4] [CPUS=0-1] [MEM=128M]'
	@echo '     [APIC=...] [PV=kvm] [KERNEL=path] [INITRD=path] [APPEND="..."]'
	@echo '     [COUNTERS=off|on] [MACHINE=...] [IPS=20000000] [TIME=seconds]'
	@echo 'bench-linux takes [WORKLOADS=all] [PV="none x2apic kvm tap"] and most of that'
	@echo 'report takes [FROM=telemetry.jsonl] [AGAINST=telemetry.jsonl]'
	@echo 'run and shell take [ENTRY=title or number] [MACHINE=...] [CPUS=n] [TIME=seconds]'
	@echo 'hostile takes [OPS=1000000] [SECONDS=n] [SEED=1] [KIND=name,...] [STEP=n]'
	@echo 'all  takes [CC=gcc|clang] [V=1]'

# --- rules -----------------------------------------------------------------------------------

$(FONT): hv/host/font.py
	$(call say,FONT,$@)
	@mkdir -p $(@D)
	$(Q)hv/host/font.py --output $@

objects: $(filter-out $(UNIT_OBJS),$(ALL_OBJS))
units: $(UNITS)
emus: $(patsubst tests/emu/%.asm,$(B)/emu/%.elf,$(EMU_SRCS))

define compile_rules
$(B)/obj/$(1)/%.c.o: %.c Makefile
	$$(call say,CC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$($(1)_CFLAGS) -c -o $$@ $$<

$(B)/obj/$(1)/%.asm.o: %.asm Makefile
	$$(call say,NASM,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(NASM) $$(NASMFLAGS) -MD $$(@:.o=.d) -MP -o $$@ $$<
endef
$(foreach kind,ring0 ring3 guest host unit linux library,$(eval $(call compile_rules,$(kind))))

define archive
$(call say,AR,$@)
@mkdir -p $(@D)
@rm -f $@
$(Q)$(AR) rcs $@ $^
endef

define link
$(call say,LD,$@)
@mkdir -p $(@D)
$(Q)$(LD) $(LDFLAGS) $(3) -T $(1) -Map $@.map -o $@ $(2)
endef

# The compiler links: link-time optimisation is its business. Kind, linker script, inputs.
define link_whole
$(call say,LD,$@)
@mkdir -p $(@D)
$(Q)$(CC) $(filter-out -MMD -MP,$($(1)_CFLAGS)) -nostdlib -static -Wl,--no-pie,--build-id=none \
	-Wl,-z,max-page-size=0x1000,-z,noexecstack,--fatal-warnings -Wl,-T,$(2) \
	-Wl,-Map,$@.map -o $@ $(3)
endef

$(B)/libvapic.a: $(LIBVAPIC_OBJS)
	$(archive)
$(B)/librtbase.a: $(RTBASE_OBJS)
	$(archive)
$(B)/host/libvapic.a: $(HVAPIC_OBJS)
	$(archive)
$(B)/host/libpure.a: $(HPURE_OBJS)
	$(archive)

$(B)/tapvisor.debug: $(RING0_OBJS) $(VAPIC_OBJS) hv/kernel/kernel.ld
	$(call link_whole,ring0,hv/kernel/kernel.ld,$(RING0_OBJS) $(VAPIC_OBJS))

# What boots keeps its symbols, for the crash report, and leaves the debug information, which GRUB
# would read and load as well: from a CD under UEFI it cannot even (docs/quirks.md).
$(B)/tapvisor: $(B)/tapvisor.debug
	$(call say,STRIP,$@)
	$(Q)$(OBJCOPY) --strip-debug $< $@
	$(Q)grub-file --is-x86-multiboot2 $@ || \
		{ echo '$@: GRUB finds no multiboot2 header' >&2; exit 1; }

$(B)/monitor.elf: $(RT_OBJS) $(MONITOR_OBJS) $(B)/librtbase.a hv/ring3/rt/user.ld
	$(call link_whole,ring3,hv/ring3/rt/user.ld,$(RT_OBJS) $(MONITOR_OBJS) $(RTBASE_OBJS))

$(B)/root.elf: $(RT_OBJS) $(ROOT_OBJS) $(B)/librtbase.a hv/ring3/rt/user.ld
	$(call link_whole,ring3,hv/ring3/rt/user.ld,$(RT_OBJS) $(ROOT_OBJS) $(RTBASE_OBJS))

KIT_LD := guest-tools/lib/guest.ld
define image_rule
$(B)/guest/$(basename $(notdir $(1))).elf: $(call object,guest,$(1)) $(KIT_OBJS) $(KIT_LD)
	$$(call link,$(KIT_LD),$(KIT_OBJS) $(call object,guest,$(1)),--no-warn-rwx-segments)
endef
$(foreach src,$(IMAGE_SRCS),$(eval $(call image_rule,$(src))))

$(B)/guest/hostile.elf: $(HOSTILE_OBJS) $(KIT_OBJS) $(KIT_LD)
	$(call link,$(KIT_LD),$(KIT_OBJS) $(HOSTILE_OBJS),--no-warn-rwx-segments)

HOST_LINK = $(call object,unit,$(UNIT_LIB)) $(B)/host/libpure.a $(B)/host/libvapic.a
$(B)/unit/%.t: $(B)/obj/unit/tests/unit/%.c.o $(HOST_LINK)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(unit_CFLAGS) -o $@ $< $(call object,unit,$(UNIT_LIB)) \
		-Wl,--start-group $(B)/host/libpure.a $(B)/host/libvapic.a -Wl,--end-group \
		$(HOST_LIBS)
$(B)/unit/monitor_decode.t: HOST_LIBS += -lZydis

$(B)/tapvisor.iso: $(BINS) grub.cfg hv/host/mkiso
	$(call say,ISO,$@)
	$(Q)hv/host/mkiso --hybrid --build $(B) --grub-cfg grub.cfg --output $@

# Link-time optimisation leaves debug information that objdump finds fault with, harmlessly.
$(B)/tapvisor.dis: $(B)/tapvisor.debug
	$(call say,DISASM,$@)
	$(Q)objdump -dS -M intel $< >$@ 2>$@.err || { cat $@.err >&2; exit 1; }
	$(Q)sed '/[Bb]ogus end-of-sibling/d' $@.err >&2; rm $@.err

# --- for editors -----------------------------------------------------------------------------

comma := ,
entry  = {"directory": "$(CURDIR)"$(comma) "file": "$(2)"$(comma) \
	 "command": "$(CC) $(filter-out -MMD -MP,$($(1)_CFLAGS)) -c $(2)"}$(comma)
entries = $(foreach src,$(filter %.c,$(2)),$(call entry,$(1),$(src)))
compile_commands.json: Makefile ## the compiler's command for each file, for editors
	$(call say,GEN,$@)
	$(file >$@,[$(call entries,ring0,$(RING0_SRCS) $(VAPIC_SRCS)) \
		$(call entries,ring3,$(RT_SRCS) $(MONITOR_SRCS) $(ROOT_SRCS)) \
		$(call entries,guest,$(KIT_SRCS) $(IMAGE_SRCS)) \
		$(call entries,unit,$(UNIT_SRCS) $(UNIT_LIB)) \
		{"directory": "$(CURDIR)"$(comma) "file": "Makefile"$(comma) "command": "make"}])
	@:

include guest-tools/linux/rules.mk
include guest-tools/linux/tools.mk
-include tests/emu/rules.mk
include tests/proof/rules.mk

.SECONDARY: $(ALL_OBJS)
-include $(ALL_OBJS:.o=.d)
