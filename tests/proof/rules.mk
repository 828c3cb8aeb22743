# SPDX-License-Identifier: MIT
#
# Programs that look harder than unit tests do: fuzzers (clang's libFuzzer), threads under
# ThreadSanitizer, and the APIC model's unit tests built to count branches. Each has objects of its
# own, build/obj/{fuzz,tsan,cov}.

FUZZ_SRCS    := $(wildcard tests/unit/*_fuzz.c)
FUZZERS      := $(patsubst tests/unit/%.c,$(B)/fuzz/%,$(FUZZ_SRCS))
TSAN_SRCS    := tests/unit/vapic_threads.c tests/unit/rt_ring.c
TSANS        := $(patsubst tests/unit/%.c,$(B)/tsan/%.t,$(TSAN_SRCS))
COV_SRCS     := $(filter-out %_fuzz.c,$(wildcard tests/unit/vapic_*.c))
COVS         := $(patsubst tests/unit/%.c,$(B)/cov/%,$(COV_SRCS))

fuzz_CFLAGS  := $(CBASE) -O1 -fno-omit-frame-pointer -DFUZZING $(SANITIZE) \
		-fsanitize=fuzzer-no-link
# Fences here are for liveness alone; gcc warns that ThreadSanitizer knows none.
tsan_CFLAGS  := $(CBASE) -O1 -fsanitize=thread -pthread $(if $(IS_CLANG),,-Wno-tsan)
# Branches as they stand in the source: one copy of each function, whatever is inlined elsewhere.
cov_CFLAGS   := $(CBASE) -O0 --coverage -pthread -Dalways_inline=unused

$(foreach kind,fuzz tsan cov,$(eval $(call compile_rules,$(kind))))
$(B)/obj/fuzz/% $(B)/fuzz/%: CC := clang
# The branches of the model are counted, as they stand in its source, not those of its tests.
$(B)/obj/cov/tests/%: cov_CFLAGS := $(CBASE) -O1 -pthread
# vapic/fast.h has no file of its own that includes it: counted where its test does.
$(B)/obj/cov/tests/unit/vapic_fast.c.o: cov_CFLAGS := $(CBASE) -O0 --coverage -pthread \
		-Dalways_inline=unused

# Kind, flags for the linker.
define link_host
$(call say,LINK,$@)
@mkdir -p $(@D)
$(Q)$(CC) $(filter-out -MMD -MP,$($(1)_CFLAGS)) $(2) -o $@ $< \
	-Wl,--start-group $(filter %.a,$^) -Wl,--end-group
endef

$(foreach kind,fuzz tsan,$(eval $(B)/$(kind)/libpure.a: $(call object,$(kind),$(PURE_SRCS))))
$(foreach kind,fuzz tsan cov,$(eval $(B)/$(kind)/libvapic.a: $(call object,$(kind),$(VAPIC_SRCS))))
$(foreach kind,fuzz tsan cov,$(B)/$(kind)/libvapic.a) $(B)/fuzz/libpure.a $(B)/tsan/libpure.a:
	$(archive)

$(B)/fuzz/%: $(B)/obj/fuzz/tests/unit/%.c.o $(B)/fuzz/libpure.a $(B)/fuzz/libvapic.a
	$(call link_host,fuzz,-fsanitize=fuzzer)
$(B)/tsan/%.t: $(B)/obj/tsan/tests/unit/%.c.o $(B)/tsan/libpure.a $(B)/tsan/libvapic.a
	$(call link_host,tsan,) $(HOST_LIBS)
$(B)/cov/%: $(B)/obj/cov/tests/unit/%.c.o $(B)/cov/libvapic.a
	$(call link_host,cov,) $(HOST_LIBS)

fuzzers: $(FUZZERS)
tsans: $(TSANS)
covs: $(COVS)
.PHONY: fuzzers tsans covs

PROOF_OBJS   := $(call object,fuzz,$(FUZZ_SRCS) $(PURE_SRCS) $(VAPIC_SRCS)) \
		$(call object,tsan,$(TSAN_SRCS) $(PURE_SRCS) $(VAPIC_SRCS)) \
		$(call object,cov,$(COV_SRCS) $(VAPIC_SRCS))
$(PROOF_OBJS): tests/proof/rules.mk
.SECONDARY: $(PROOF_OBJS)
-include $(PROOF_OBJS:.o=.d)
