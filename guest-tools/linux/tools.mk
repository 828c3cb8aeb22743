# SPDX-License-Identifier: MIT
#
# Tools for Linux guests: tapstat, the module tapvisor.ko, the patched kernel. All of it lies under
# build/linux; Debian's packages are fetched and unpacked, never installed.

.PHONY: linux-module linux-patch linux-patched check-linux-patched

# --- tapstat: for any Linux, so it brings its own libc ------------------------------------------

TAPSTAT_OBJS := $(call object,linux,$(TAPSTAT_SRCS))

$(B)/tapstat: $(TAPSTAT_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) -static -o $@ $^

# --- the module, for Debian's kernel ------------------------------------------------------------

MODULE_SRCS := $(wildcard $(addprefix $(LINUX_TOOLS)/module/,Kbuild *.[ch] shim/hv/base/*.h)) \
	       $(wildcard hv/abi/*.h)

$(LINUX)/headers/kernel: $(LINUX_TOOLS)/headers
	$(call say,FETCH,$(@D))
	$(Q)$(LINUX_TOOLS)/headers $(@D)
	@touch -h $@

# Kernel, where it is built: modules are built among their sources, so these are copied.
define build_module
$(call say,KBUILD,$(2)/tapvisor.ko)
@mkdir -p $(2)
@cp -r $(LINUX_TOOLS)/module/* $(2)
+$(Q)$(MAKE) --no-print-directory -s -C $(1) M=$(CURDIR)/$(2) TAPVISOR=$(CURDIR) KCFLAGS=-Werror \
	modules
endef

linux-module: $(LINUX)/module/tapvisor.ko ## build tapvisor.ko for Debian's kernel

$(LINUX)/module/tapvisor.ko: $(LINUX)/headers/kernel $(MODULE_SRCS)
	$(call build_module,$(LINUX)/headers/kernel,$(@D))

# --- the patched kernel -------------------------------------------------------------------------

PATCHES := $(sort $(wildcard $(LINUX_TOOLS)/patch/*.patch))
PATCHED := $(LINUX)/patched
KBUILD_PATCHED = +$(Q)$(MAKE) --no-print-directory -s -C $(PATCHED)/source \
		 O=$(CURDIR)/$(PATCHED)/obj

$(LINUX)/linux-source-6.1.deb: | $(LINUX_TOOLS)/fetch
	$(call say,FETCH,$@)
	$(Q)$(LINUX_TOOLS)/fetch linux-source-6.1 $@

$(PATCHED)/source/.done: $(LINUX)/linux-source-6.1.deb $(PATCHES) $(LINUX_TOOLS)/source
	$(call say,UNPACK,$(@D))
	$(Q)$(LINUX_TOOLS)/source $< $(@D) $(PATCHES)
	@touch $@

$(PATCHED)/obj/.config: $(PATCHED)/source/.done $(LINUX_TOOLS)/patch/config
	$(call say,KBUILD,$@)
	@mkdir -p $(@D)
	$(KBUILD_PATCHED) KCONFIG_ALLCONFIG=$(CURDIR)/$(LINUX_TOOLS)/patch/config allnoconfig

# What the patches touch, and no more: for the everyday tests.
linux-patch: $(PATCHED)/obj/.config
	$(call say,KBUILD,$(PATCHED)/obj/arch/x86/kernel/tapvisor.o)
	$(KBUILD_PATCHED) KCFLAGS=-Werror arch/x86/kernel/tapvisor.o arch/x86/kernel/setup.o

# The whole kernel takes a quarter of an hour on two cores, so it gives way to others.
$(PATCHED)/vmlinux: $(PATCHED)/obj/.config $(LINUX_TOOLS)/unpack
	$(call say,KBUILD,$@)
	+$(Q)nice -n 19 $(MAKE) --no-print-directory -s -C $(PATCHED)/source \
		O=$(CURDIR)/$(PATCHED)/obj vmlinux
	$(Q)$(LINUX_TOOLS)/unpack $(PATCHED)/obj/vmlinux $@

$(PATCHED)/module/tapvisor.ko: $(PATCHED)/vmlinux $(MODULE_SRCS)
	$(KBUILD_PATCHED) modules_prepare
	$(call build_module,$(PATCHED)/obj,$(@D))
