/* SPDX-License-Identifier: MIT */
/* pure: also compiled on the host */
/* One `vm KEY=VALUE ... [-- guest arguments]` line. */
#include "hv/ring3/root/config.h"

#include "hv/base/string.h"

#define MEMORY_DEFAULT      (32ull << 20)
#define WEIGHT_DEFAULT      100u
#define TIMER_FLOOR_DEFAULT 200u /* microseconds: as KVM has it */
#define XAPIC_VCPUS         255u /* IDs 0 to 254; 255 is the broadcast */

/* Where on the line each key stood; length 0: it did not. */
struct seen {
	struct word value[CONFIG_KEYS + 1];
	bool key[CONFIG_KEYS + 1];
};

static void defaults(struct config_parser *p, struct vm_plan *plan)
{
	u32 cores = MIN(p->info->cores, MAX_CORES);

	*plan = (struct vm_plan){ .console = VM_CONSOLE_LINES };
	plan->config.vcpus = 1;
	plan->config.apic = APIC_X2APIC;
	plan->config.memory = MEMORY_DEFAULT;
	plan->config.weight = WEIGHT_DEFAULT;
	plan->config.timer_floor = TIMER_FLOOR_DEFAULT;
	plan->config.cores = cores == 64 ? ~0ull : BIT(cores) - 1;
	plan->config.image_module = p->line;
	for (u32 i = 0; i < VM_MODULES; i++)
		plan->config.module[i] = MODULE_NONE;
}

static void parse_word(struct config_parser *p, struct vm_plan *plan, struct word word,
                       struct seen *seen)
{
	struct word key, value;
	u32 index;

	if (!word_split(word, '=', &key, &value)) {
		config_error(p, word, "KEY=VALUE is expected, or -- before the guest's arguments");
		return;
	}
	index = config_parse_key(p, plan, key, value);
	if (index < CONFIG_KEYS && seen->key[index])
		config_error(p, key, "%s= stands on this line already", config_key_name(index));
	seen->key[index] = true;
	seen->value[index] = value;
}

/* It fits, for a line is no longer. */
static void take_args(struct vm_plan *plan, const struct words *words)
{
	const char *rest = words_rest(words);

	memcpy(plan->config.args, rest, strlen(rest) + 1);
}

static struct word place_of(const struct seen *seen, const char *key, struct word fallback)
{
	for (u32 i = 0; i < CONFIG_KEYS; i++)
		if (seen->key[i] && strcmp(config_key_name(i), key) == 0)
			return seen->value[i];
	return fallback;
}

/* What the machine must offer, and what else must be on, for a feature. */
#define FOR_APICV                                                                                  \
	(MACHINE_TPR_SHADOW | MACHINE_APIC_ACCESS | MACHINE_APIC_REGISTERS |                       \
	 MACHINE_VIRTUAL_INTERRUPTS)
static const struct {
	u32 feature, needs_feature;
	u64 needs_machine;
	u64 needs_for_x2apic; /* as well, with apic=x2apic */
	const char *key, *needs;
} features[] = {
	{ VM_APICV, 0, FOR_APICV, MACHINE_X2APIC_VIRTUAL, "apicv", "" },
	{ VM_POSTED, VM_APICV, MACHINE_POSTED, 0, "posted", "apicv=on" },
	{ VM_IPIV, VM_POSTED, MACHINE_IPIV, 0, "ipiv", "posted=on" },
	{ VM_APIC_PAGE, 0, MACHINE_APIC_ACCESS, 0, "apic-page", "" },
};

/* By the names that the processor manual gives to the controls. */
static const struct {
	u64 machine;
	const char *name;
} controls[] = {
	{ MACHINE_TPR_SHADOW, "use TPR shadow" },
	{ MACHINE_APIC_ACCESS, "virtualize APIC accesses" },
	{ MACHINE_APIC_REGISTERS, "APIC-register virtualization" },
	{ MACHINE_VIRTUAL_INTERRUPTS, "virtual-interrupt delivery" },
	{ MACHINE_X2APIC_VIRTUAL, "virtualize x2APIC mode" },
	{ MACHINE_POSTED, "process posted interrupts" },
	{ MACHINE_IPIV, "IPI virtualization" },
};

/* The first that is missing: what to do is the same for all. */
static void lacks(struct config_parser *p, struct word at, const char *key, u64 missing)
{
	for (u32 i = 0; i < ARRAY_SIZE(controls); i++)
		if ((missing & controls[i].machine) != 0) {
			config_error(p, at, "VT-x here lacks \"%s\": %s=off", controls[i].name,
			             key);
			return;
		}
}

static void check_features(struct config_parser *p, const struct vm_plan *plan,
                           const struct seen *seen, struct word vm)
{
	u32 wanted = plan->config.features;

	for (u32 i = 0; i < ARRAY_SIZE(features); i++) {
		struct word at = place_of(seen, features[i].key, vm);

		u64 needs = features[i].needs_machine;

		if ((wanted & features[i].feature) == 0)
			continue;
		if (plan->config.apic == APIC_X2APIC)
			needs |= features[i].needs_for_x2apic;
		if ((p->info->machine & needs) != needs)
			lacks(p, at, features[i].key, needs & ~p->info->machine);
		else if ((wanted & features[i].needs_feature) != features[i].needs_feature)
			config_error(p, at, "%s=on needs %s", features[i].key, features[i].needs);
	}
	if ((wanted & VM_APIC_PAGE) != 0 && plan->config.apic != APIC_XAPIC)
		config_error(p, place_of(seen, "apic-page", vm), "apic-page=on needs apic=xapic");
}

static void check_name(struct config_parser *p, const struct vm_plan *plan, const struct seen *seen,
                       struct word vm)
{
	const struct config *c = p->config;

	if (plan->config.name[0] == 0) {
		/* Unless a name stands there and is told as wrong, or may be the unknown key. */
		if (place_of(seen, "name", vm).text == vm.text && !seen->key[CONFIG_KEYS])
			config_error(p, vm, "the VM needs a name: name=a");
		return;
	}
	for (u32 i = 0; i < c->vms; i++)
		if (strcmp(c->vm[i].config.name, plan->config.name) == 0)
			config_error(p, place_of(seen, "name", vm),
			             "module %u has this name already",
			             c->vm[i].config.image_module + 1);
}

static void check(struct config_parser *p, const struct vm_plan *plan, const struct seen *seen,
                  struct word vm)
{
	check_name(p, plan, seen, vm);
	check_features(p, plan, seen, vm);
	if (plan->config.apic == APIC_XAPIC && plan->config.vcpus > XAPIC_VCPUS)
		config_error(p, place_of(seen, "vcpus", vm),
		             "xAPIC mode has IDs for %u vCPUs: fewer, or apic=x2apic", XAPIC_VCPUS);
	if (p->info->module[p->line].size == 0)
		config_error(p, vm, "the image is empty");
}

void config_parse_vm(struct config_parser *p, struct words *words, struct word vm)
{
	struct config *c = p->config;
	struct seen seen = { 0 };
	struct vm_plan *plan;
	struct word word;

	if (c->vms == CONFIG_VMS) {
		config_error(p, vm, "too many VMs: %u are possible", CONFIG_VMS);
		return;
	}
	plan = &c->vm[c->vms];
	defaults(p, plan);
	while (words_next(words, &word)) {
		if (word_is(word, "--")) {
			take_args(plan, words);
			break;
		}
		parse_word(p, plan, word, &seen);
	}
	check(p, plan, &seen, vm);
	c->vms++;
}
