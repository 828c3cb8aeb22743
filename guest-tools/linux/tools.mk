# SPDX-License-Identifier: MIT
#
# Tools for Linux guests: tapstat, the module tapvisor.ko, the patched kernel. All of it lies under
# build/linux; Debian's packages are fetched and unpacked, never installed.

.PHONY: linux-module linux-patch linux-patched linux-patched-boot check-linux-patched \
	bench-linux bench-linux-boot soak-linux soak-linux-boot

# --- tapstat: for any Linux, so it brings its own libc ------------------------------------------

TAPSTAT_OBJS := $(call object,linux,$(TAPSTAT_SRCS))

$(B)/tapstat: $(TAPSTAT_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) -static -o $@ $^

# --- what makes Linux flush TLBs, where it spends its time; the same -----------------------------

WORKLOAD_BINS := $(patsubst $(LINUX_TOOLS)/workloads/%.c,$(B)/%,$(WORKLOAD_SRCS))

$(WORKLOAD_BINS): $(B)/%: $(B)/obj/linux/$(LINUX_TOOLS)/workloads/%.c.o
	$(call say,LINK,$@)
	$(Q)$(CC) -static -pthread -o $@ $^

tests/unit/shootdown.t: $(B)/shootdown

# --- the module, for Debian's kernel ------------------------------------------------------------

MODULE_SRCS := $(wildcard $(addprefix $(LINUX_TOOLS)/module/,Kbuild *.[ch] shim/hv/base/*.h)) \
	       $(wildcard hv/abi/*.h)

$(LINUX)/headers/kernel: $(LINUX_TOOLS)/headers | $(APT_CONF)
	$(call say,FETCH,$(@D))
	$(Q)$(AS_RELEASED) $(LINUX_TOOLS)/headers $(@D)
	@touch -h $@

# Kernel, where it is built, target: modules are built among their sources, so these are copied.
# They go without BTF, which pahole would make.
define build_module
$(call say,KBUILD,$(2)/$(or $(3),tapvisor.ko))
@mkdir -p $(2)
@cp -r $(LINUX_TOOLS)/module/* $(2)
+$(Q)$(MAKE) --no-print-directory -s -C $(1) M=$(CURDIR)/$(2) TAPVISOR=$(CURDIR) KCFLAGS=-Werror \
	CONFIG_DEBUG_INFO_BTF_MODULES= $(or $(3),modules)
endef

linux-module: $(LINUX)/module/tapvisor.ko ## build tapvisor.ko for Debian's kernel

$(LINUX)/module/tapvisor.ko: $(LINUX)/headers/kernel $(MODULE_SRCS)
	$(call build_module,$(LINUX)/headers/kernel,$(@D))

# --- the patched kernel -------------------------------------------------------------------------

PATCHES := $(sort $(wildcard $(LINUX_TOOLS)/patch/*.patch))
PATCHED := $(LINUX)/patched
KBUILD_PATCHED = +$(Q)$(MAKE) --no-print-directory -s -C $(PATCHED)/source \
		 O=$(CURDIR)/$(PATCHED)/obj

$(LINUX)/linux-source.deb: | $(LINUX_TOOLS)/fetch $(APT_CONF)
	$(call say,FETCH,$@)
	$(Q)$(AS_RELEASED) $(LINUX_TOOLS)/fetch linux-source $@

$(PATCHED)/source/.done: $(LINUX)/linux-source.deb $(PATCHES) $(LINUX_TOOLS)/source
	$(call say,UNPACK,$(@D))
	$(Q)$(LINUX_TOOLS)/source $< $(@D) $(PATCHES)
	@touch $@

$(PATCHED)/obj/.config: $(PATCHED)/source/.done $(LINUX_TOOLS)/patch/config
	$(call say,KBUILD,$@)
	@mkdir -p $(@D)
	$(KBUILD_PATCHED) KCONFIG_ALLCONFIG=$(CURDIR)/$(LINUX_TOOLS)/patch/config allnoconfig
	@touch $@ # which is left as it is where nothing changes

# What the patches touch, and the module without what links it, for the everyday tests.
linux-patch: $(PATCHED)/obj/.config
	$(call say,KBUILD,$(PATCHED)/obj/arch/x86/kernel/tapvisor.o)
	$(KBUILD_PATCHED) KCFLAGS=-Werror arch/x86/kernel/tapvisor.o arch/x86/kernel/setup.o
	$(call build_module,$(PATCHED)/obj,$(PATCHED)/objects,tapvisor.o)

# The whole kernel takes ten minutes on two cores, so it gives way to others.
$(PATCHED)/vmlinux: $(PATCHED)/obj/.config $(LINUX_TOOLS)/unpack
	$(call say,KBUILD,$@)
	+$(Q)nice -n 19 $(MAKE) --no-print-directory -s -C $(PATCHED)/source \
		O=$(CURDIR)/$(PATCHED)/obj vmlinux
	$(Q)$(LINUX_TOOLS)/unpack $(PATCHED)/obj/vmlinux $@

$(PATCHED)/module/tapvisor.ko: $(PATCHED)/vmlinux $(MODULE_SRCS)
	$(KBUILD_PATCHED) modules
	$(call build_module,$(PATCHED)/obj,$(@D))

# --- an initramfs with all of them, and with programs that people know --------------------------

RC_SCRIPTS := $(wildcard $(LINUX_TOOLS)/rc.d/*)
TOOLS_ITEMS := bin/busybox=$(LINUX)/busybox bin/sh@busybox init=$(LINUX_TOOLS)/init \
	bin/tapstat=$(B)/tapstat bin/shootdown=$(B)/shootdown \
	$(foreach script,$(RC_SCRIPTS),etc/rc.d/$(notdir $(script))=$(script))
TOOLS_FILES := $(LINUX)/busybox $(LINUX_TOOLS)/init $(LINUX_TOOLS)/initramfs $(RC_SCRIPTS) \
	$(B)/tapstat $(B)/shootdown

# Fetched anew when the list of packages changes, or how they are fetched; which of their files are
# taken is looked at by itself.
$(LINUX)/programs/.fetched: $(addprefix $(LINUX_TOOLS)/,packages programs) | $(APT_CONF)
	$(call say,FETCH,$(@D))
	$(Q)$(AS_RELEASED) $(LINUX_TOOLS)/programs $(@D) $(LINUX_TOOLS)/packages
	@touch $@

$(LINUX)/programs/.items: $(LINUX)/programs/.fetched $(LINUX_TOOLS)/needed
	$(Q)$(LINUX_TOOLS)/needed $(@D) $$(sed 's/#.*//; s/^[^ ]* *//' $(LINUX_TOOLS)/packages) >$@

# for Debian's kernel and for the patched one: a module fits one kernel
define tools_initrd
$(1): $(2) $(LINUX)/programs/.items $(TOOLS_FILES)
	$$(call say,CPIO,$$@)
	$$(Q)$(LINUX_TOOLS)/initramfs $$@ $(TOOLS_ITEMS) lib/tapvisor.ko=$(2) \
		$$$$(cat $(LINUX)/programs/.items)
endef
$(eval $(call tools_initrd,$(LINUX)/initrd-tools,$(LINUX)/module/tapvisor.ko))
$(eval $(call tools_initrd,$(PATCHED)/initrd-tools,$(PATCHED)/module/tapvisor.ko))

# --- for people ---------------------------------------------------------------------------------

TOOLS := $(addprefix $(LINUX)/,vmlinux initrd-tools)
PATCHED_TOOLS := $(addprefix $(PATCHED)/,vmlinux initrd-tools)

linux-patched: ## build the patched kernel (10 minutes or more) and boot it
	$(call with_settings_checked,hv/host/linux)
	$(go_on) linux-patched-boot
linux-patched-boot: all $(PATCHED_TOOLS)
	$(Q)PV="$(or $(PV),kvm$(comma)tap)" MEM=$(or $(MEM),256M) COUNTERS=$(or $(COUNTERS),on) \
		hv/host/linux --build $(B) --files $(PATCHED) --initrd initrd-tools $(GIVEN)

check-linux-patched: all $(PATCHED_TOOLS) ## build the patched kernel, boot it, look at its counts
	$(Q)$(PROVE) -v tests/emu/linux-inside.t :: patched
	$(Q)$(PROVE) -v tests/emu/linux-switches.t
	$(Q)$(PROVE) -v tests/emu/linux-ipis.t

# The patched kernel takes part if it was built before.
bench-linux: ## stress-ng, hackbench, cyclictest in Linux guests: none, kvm, tap
	$(call with_settings_checked,hv/host/linux-bench)
	$(go_on) bench-linux-boot
bench-linux-boot: all $(TOOLS) $(if $(wildcard $(PATCHED)/vmlinux),$(PATCHED_TOOLS))
	$(Q)hv/host/linux-bench --build $(B) --files $(LINUX) $(GIVEN)

soak-linux: ## stress-ng for an hour of guest time, no IPI lost (MINUTES=60 IPS=)
	$(Q)tests/emu/linux-soak.t --settings $(subst --given ,--given=,$(GIVEN))
	$(go_on) soak-linux-boot
soak-linux-boot: all $(TOOLS) $(if $(wildcard $(PATCHED)/vmlinux),$(PATCHED_TOOLS))
	$(Q)$(PROVE) -v tests/emu/linux-soak.t :: $(if $(wildcard $(PATCHED)/vmlinux),patched) \
		$(subst --given ,--given=,$(GIVEN))
