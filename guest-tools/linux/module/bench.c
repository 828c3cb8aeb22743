// SPDX-License-Identifier: GPL-2.0
/* ipibench's files in debugfs: what is asked for, and one run after the other. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "bench.h"

#include <linux/cpu.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "tapvisor.h"

#define REQUEST_MAX 256

static struct dentry *directory;
static DEFINE_MUTEX(lock); /* of all that follows */
static struct bench_row *rows;
static u32 row_count;

/* All operations, a set of each size, targets spinning and halted: fewer than that. */
static u32 rows_max(void)
{
	return 4 * nr_cpu_ids + BENCH_STATES * BENCH_OPS;
}

/* ---- what is asked for ---- */

static const struct {
	const char *name;
	u32 ops;
} op_words[] = {
	{ "self", BIT(OP_SELF) },
	{ "unicast", BIT(OP_UNICAST) | BIT(OP_UNICAST_SEND) },
	{ "set", BIT(OP_SET) | BIT(OP_SET_SEND) },
	{ "broadcast", BIT(OP_BROADCAST) | BIT(OP_BROADCAST_SEND) },
	{ "all", BIT(BENCH_OPS) - 1 },
};

static const struct {
	const char *name;
	u32 low, high;
	size_t place;
} number_words[] = {
	{ "n=", 1, BENCH_SAMPLES_MAX, offsetof(struct bench_config, n) },
	{ "warmup=", 0, BENCH_SAMPLES_MAX, offsetof(struct bench_config, warmup) },
	{ "cpu=", 0, NR_CPUS - 1, offsetof(struct bench_config, cpu) },
	{ "targets=", 1, NR_CPUS - 1, offsetof(struct bench_config, targets) },
	{ "pause=", 1, 1000000, offsetof(struct bench_config, pause) },
};

static const struct {
	const char *name;
	u32 states;
} state_words[] = {
	{ "state=spinning", BIT(STATE_SPINNING) },
	{ "state=halted", BIT(STATE_HALTED) },
	{ "state=both", BIT(STATE_SPINNING) | BIT(STATE_HALTED) },
};

static int parse_number(struct bench_config *config, const char *word)
{
	u32 i, value;

	for (i = 0; i < ARRAY_SIZE(number_words); i++) {
		size_t length = strlen(number_words[i].name);

		if (strncmp(word, number_words[i].name, length))
			continue;
		if (kstrtou32(word + length, 10, &value) || value < number_words[i].low ||
		    value > number_words[i].high) {
			pr_err("ipibench: %s: a whole number from %u to %u is expected\n", word,
			       number_words[i].low, number_words[i].high);
			return -EINVAL;
		}
		*(u32 *)((u8 *)config + number_words[i].place) = value;
		return 0;
	}
	pr_err("ipibench: %s: there are self unicast set broadcast all n= warmup= cpu= targets= pause= state=spinning|halted|both\n",
	       word);
	return -EINVAL;
}

static int parse_word(struct bench_config *config, const char *word)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(op_words); i++)
		if (!strcmp(word, op_words[i].name)) {
			config->ops |= op_words[i].ops;
			return 0;
		}
	for (i = 0; i < ARRAY_SIZE(state_words); i++)
		if (!strcmp(word, state_words[i].name)) {
			config->states = state_words[i].states;
			return 0;
		}
	return parse_number(config, word);
}

/* Who sends to itself is awake, so it has no row for targets in HLT. */
static int leave_out_self(struct bench_config *config)
{
	if (config->states & BIT(STATE_SPINNING) || !(config->ops & BIT(OP_SELF)))
		return 0;
	if (config->ops != BIT(BENCH_OPS) - 1) {
		pr_err("ipibench: self state=halted: who sends to itself is not halted; self wants state=spinning or both\n");
		return -EINVAL;
	}
	config->ops &= ~BIT(OP_SELF);
	return 0;
}

static int parse(struct bench_config *config, char *text)
{
	char *word;
	int error;

	*config = (struct bench_config){
		.n = 200, .warmup = 20, .pause = 500, .states = BIT(STATE_SPINNING)
	};
	while ((word = strsep(&text, " \t\n"))) {
		error = *word ? parse_word(config, word) : 0;
		if (error)
			return error;
	}
	if (!config->ops)
		config->ops = BIT(BENCH_OPS) - 1;
	return leave_out_self(config);
}

/* Can it be done with the CPUs that are online? They stay so: the caller holds cpus_read_lock. */
static int check(const struct bench_config *config)
{
	if (config->cpu >= nr_cpu_ids || !cpu_online(config->cpu)) {
		pr_err("ipibench: cpu=%u: there is no such CPU\n", config->cpu);
		return -EINVAL;
	}
	if (config->targets >= num_online_cpus()) {
		pr_err("ipibench: targets=%u: there are %u others\n", config->targets,
		       num_online_cpus() - 1);
		return -EINVAL;
	}
	return 0;
}

/* ---- a run ---- */

static int run_row(const struct bench_config *config, enum bench_op op, enum bench_state state,
                   const struct cpumask *mask)
{
	struct bench_row *row = &rows[row_count];
	int error;

	if (row_count == rows_max())
		return -E2BIG;
	*row = (struct bench_row){
		.op = op,
		.state = state,
		.targets = op == OP_SELF ? 1 : cpumask_weight(mask),
		.n = config->n,
	};
	error = bench_measure(config, mask, row);
	if (!error)
		row_count++;
	return error;
}

/* A set is some of the others and not all: with all of them Linux may use a shorthand. */
static int run_sets(const struct bench_config *config, enum bench_op op, enum bench_state state,
                    struct cpumask *mask)
{
	u32 others = num_online_cpus() - 1;
	u32 first = config->targets ?: 2, last = config->targets ?: others - 1;
	int error = 0;
	u32 k;

	for (k = first; !error && k <= last && k < others; k++) {
		bench_mask(mask, config->cpu, k);
		error = run_row(config, op, state, mask);
	}
	return error;
}

static int run_op(const struct bench_config *config, enum bench_op op, enum bench_state state,
                  struct cpumask *mask)
{
	u32 others = num_online_cpus() - 1;

	if (op == OP_SELF) {
		cpumask_clear(mask);
		return state == STATE_SPINNING ? run_row(config, op, state, mask) : 0;
	}
	if (!others)
		return 0;
	if (op == OP_SET || op == OP_SET_SEND)
		return run_sets(config, op, state, mask);
	bench_mask(mask, config->cpu, op == OP_UNICAST || op == OP_UNICAST_SEND ? 1 : others);
	return run_row(config, op, state, mask);
}

static int run_state(const struct bench_config *config, enum bench_state state,
                     struct cpumask *mask)
{
	int error = 0;
	u32 op;

	bench_mask(mask, config->cpu, nr_cpu_ids);
	if (state == STATE_SPINNING)
		error = bench_spinners_start(mask);
	for (op = 0; !error && op < BENCH_OPS; op++)
		if (config->ops & BIT(op))
			error = run_op(config, op, state, mask);
	bench_spinners_stop();
	return error;
}

static int run(const struct bench_config *config)
{
	cpumask_var_t mask;
	u32 state, last = row_count;
	int error;

	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	cpus_read_lock();
	bench_note_online();
	error = check(config);
	if (!error)
		row_count = 0; /* what is refused leaves the last run's rows */
	for (state = 0; !error && state < BENCH_STATES; state++)
		if (config->states & BIT(state))
			error = run_state(config, state, mask);
	cpus_read_unlock();
	if (!error && !row_count) {
		row_count = last; /* nothing was written over them */
		pr_err("ipibench: nothing to measure: unicast wants another CPU online, a set of n targets n + 1 others\n");
		error = -EINVAL;
	}
	free_cpumask_var(mask);
	return error;
}

/* ---- files ---- */

static ssize_t bench_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	struct bench_config config;
	char *text;
	int error;

	if (size >= REQUEST_MAX)
		return -E2BIG;
	text = memdup_user_nul(user, size);
	if (IS_ERR(text))
		return PTR_ERR(text);
	error = parse(&config, text);
	kfree(text);
	if (error)
		return error;
	if (mutex_lock_interruptible(&lock))
		return -EINTR;
	error = run(&config);
	mutex_unlock(&lock);
	return error ?: size;
}

/* A run may take minutes: who waits for it can give up. */
static int show(struct seq_file *m, void (*form)(struct seq_file *, const struct bench_row *, u32))
{
	if (mutex_lock_interruptible(&lock))
		return -EINTR;
	form(m, rows, row_count);
	mutex_unlock(&lock);
	return 0;
}

static int bench_show(struct seq_file *m, void *unused)
{
	return show(m, bench_show_table);
}

static int bench_open(struct inode *inode, struct file *file)
{
	return single_open(file, bench_show, NULL);
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.read = seq_read,
	.write = bench_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int json_show(struct seq_file *m, void *unused)
{
	return show(m, bench_show_json);
}
DEFINE_SHOW_ATTRIBUTE(json);

int tapvisor_bench_init(void)
{
	rows = kvcalloc(rows_max(), sizeof(*rows), GFP_KERNEL);
	if (!rows)
		return -ENOMEM;
	directory = debugfs_create_dir("tapvisor", NULL);
	bench_note_online();
	debugfs_create_file("ipibench", 0600, directory, NULL, &operations);
	debugfs_create_file("ipibench.json", 0400, directory, NULL, &json_fops);
	return 0;
}

void tapvisor_bench_exit(void)
{
	debugfs_remove_recursive(directory);
	kvfree(rows);
}
