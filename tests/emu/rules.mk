# SPDX-License-Identifier: MIT

# Small machines for the emulator tests' own sake: one file each, bare, at 1 MiB.
$(B)/emu/%.elf: $(B)/obj/guest/tests/emu/%.asm.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(LD) $(LDFLAGS) -Ttext=0x101000 -e start -o $@ $<

# Ring-3 programs that misbehave on purpose, for ring3.t: monitor_*.c replaces the monitor's main.c,
# root_*.c replaces root's.

RING3_SRCS  := $(wildcard tests/emu/ring3/*.c)
RING3_OBJS  := $(call object,ring3,$(RING3_SRCS))
RING3_ELFS  := $(patsubst tests/emu/ring3/%.c,$(B)/emu/%.elf,$(RING3_SRCS))
but_main     = $(filter-out $(call object,ring3,hv/ring3/$(1)/main.c),$(2))

emus: $(RING3_ELFS)

$(B)/emu/monitor_%.elf: $(B)/obj/ring3/tests/emu/ring3/monitor_%.c.o $(B)/monitor.elf
	$(call link,hv/ring3/rt/user.ld,$(RT_OBJS) $< $(call but_main,monitor,$(MONITOR_OBJS)) \
		$(B)/librtbase.a)

$(B)/emu/root_%.elf: $(B)/obj/ring3/tests/emu/ring3/root_%.c.o $(B)/root.elf
	$(call link,hv/ring3/rt/user.ld,$(RT_OBJS) $< $(call but_main,root,$(ROOT_OBJS)) \
		$(B)/librtbase.a)

.SECONDARY: $(RING3_OBJS)
-include $(RING3_OBJS:.o=.d)
