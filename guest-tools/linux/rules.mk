# SPDX-License-Identifier: MIT
#
# Debian's kernel and busybox for Linux guests: packages are fetched and unpacked under build/linux,
# nothing is installed. `make linux-files` makes them all; KERNEL= and INITRD= do without. DEBIAN=
# names another release than this machine's; each release has a directory of its own, so that going
# from one to the other and back fetches nothing.

RELEASE_HERE := $(shell . /etc/os-release 2>/dev/null; echo $$VERSION_CODENAME)
RELEASE      := $(or $(firstword $(DEBIAN)),$(RELEASE_HERE),debian)
LINUX        := build/linux/$(RELEASE)
LINUX_FILES  := $(addprefix $(LINUX)/,vmlinux initrd)
LINUX_TOOLS  := guest-tools/linux

.PHONY: linux linux-boot linux-files check-linux check-nested
linux-files: $(LINUX_FILES)

# What tells apt of another release. This machine's own needs nothing.
APT_CONF     := $(if $(filter-out $(RELEASE_HERE) debian,$(RELEASE)),$(LINUX)/apt/apt.conf)
AS_RELEASED  := $(if $(APT_CONF),APT_CONFIG=$(CURDIR)/$(APT_CONF))

$(LINUX)/apt/apt.conf:
	$(call say,FETCH,$(@D))
	$(Q)$(LINUX_TOOLS)/release $(RELEASE) $(@D)

$(LINUX)/linux-image-amd64.deb $(LINUX)/busybox-static.deb: | $(LINUX_TOOLS)/fetch $(APT_CONF)
	$(call say,FETCH,$@)
	$(Q)$(AS_RELEASED) $(LINUX_TOOLS)/fetch $(basename $(@F)) $@

# member of a package: pattern, package
deb_member = dpkg-deb --fsys-tarfile $(2) | tar -xOf - --wildcards '$(1)' >$@

$(LINUX)/vmlinuz: $(LINUX)/linux-image-amd64.deb
	$(call say,UNPACK,$@)
	$(Q)$(call deb_member,./*/vmlinuz*,$<)

# What KVM wants, for nested.t. Packed where modules are.
KVM_MODULES := $(addprefix $(LINUX)/modules/,irqbypass.ko kvm.ko kvm-intel.ko)
$(KVM_MODULES) &: $(LINUX)/linux-image-amd64.deb
	$(call say,UNPACK,$(LINUX)/modules)
	@mkdir -p $(LINUX)/modules
	$(Q)dpkg-deb --fsys-tarfile $< | tar -xf - -C $(LINUX)/modules --wildcards \
		--transform='s,.*/,,' $(patsubst %,'./*lib/modules/*/%*',$(notdir $(KVM_MODULES)))
	$(Q)! ls $(LINUX)/modules/*.xz >/dev/null 2>&1 || unxz -f $(LINUX)/modules/*.xz
	@touch $(KVM_MODULES)

$(LINUX)/busybox: $(LINUX)/busybox-static.deb
	$(call say,UNPACK,$@)
	$(Q)$(call deb_member,./*bin/busybox,$<)
	$(Q)chmod +x $@

$(LINUX)/vmlinux: $(LINUX)/vmlinuz $(LINUX_TOOLS)/unpack
	$(call say,UNPACK,$@)
	$(Q)$(LINUX_TOOLS)/unpack $< $@

$(LINUX)/initrd: $(LINUX)/busybox $(B)/profile $(addprefix $(LINUX_TOOLS)/,init initramfs)
	$(call say,CPIO,$@)
	$(Q)$(LINUX_TOOLS)/initramfs $@ bin/busybox=$< bin/sh@busybox init=$(LINUX_TOOLS)/init \
		bin/profile=$(B)/profile

# Debian's files are made unless both are given.
LINUX_WANTED := $(if $(and $(KERNEL),$(INITRD)),,$(LINUX_FILES))
# A wrong setting is told before anything is fetched or built.
with_settings_checked = $(Q)$(1) --settings $(GIVEN)
go_on = +$(Q)$(MAKE) --no-print-directory
linux: ## boot Debian's kernel, with its shell on the terminal
	$(call with_settings_checked,hv/host/linux)
	$(go_on) linux-boot
linux-boot: all $(LINUX_WANTED)
	$(Q)hv/host/linux --build $(B) --files $(LINUX) $(GIVEN)

check-nested: all ## Tapvisor in QEMU under KVM, in a Linux in Bochs: no VT-x needed (4 minutes)
	$(Q)$(PROVE) -v tests/emu/nested.t

check-linux: all ## Linux guests: every row of linux.t, and the tools inside (10 minutes)
	$(Q)$(PROVE) tests/emu/linux-inside.t tests/emu/linux-lockup.t
	$(Q)$(PROVE) tests/emu/linux.t :: all
