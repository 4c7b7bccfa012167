// SPDX-License-Identifier: MIT
/*
 * Registers that react, for QEMU's TCG: the lab's devices have memory for registers
 * (docs/adding-a-device.md), and some drivers wait for a bit that the hardware would set.
 * A plugin for QEMU (-plugin registers.so,code=LOW:HIGH,base=ADDRESS,memory=NAME,rules=FILE).
 * A line of FILE,
 *
 *	STORED HOW TARGET BITS
 *
 * means that after a store to the physical address STORED these bits are set (HOW is "set") or
 * cleared ("clear") in the word at TARGET, or become those of the one stored ("copy").
 * The guest's memory begins at ADDRESS and is the mapping of this process that is called NAME.
 * A store is looked at where its code is of LOW to HIGH (repeatable), the kernel's modules:
 * nothing else slows down.
 *
 * Debian 12 has no header for plugins; what follows is of version 1 of that interface.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
/* enum qemu_plugin_cb_flags and enum qemu_plugin_mem_rw */
#define NO_REGISTERS 0
#define STORES 2

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
		void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
		void (*cb)(unsigned int cpu, uint32_t info, uint64_t vaddr, void *data),
		int flags, int rw, void *data);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t vaddr);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *hwaddr);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *hwaddr);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

struct rule {
	uint64_t stored;
	uint64_t target;
	uint32_t bits;
	char how[8];
};

static struct rule *rules;
static size_t n_rules;
/* The addresses that rules are about: most stores are elsewhere. */
static uint64_t first = UINT64_MAX;
static uint64_t last;
/* Where code is whose stores are looked at. */
static struct {
	uint64_t low;
	uint64_t high;
} code[4];
static size_t n_code;
static uint64_t base;
static const char *name;
/* Where the guest's memory is in this process, once it is there. */
static char *memory;

static char *find_memory(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096];
	char *found = NULL;
	size_t best = 0;

	while (maps && fgets(line, sizeof(line), maps)) {
		uintptr_t start, end;

		if (!strstr(line, name) ||
		    sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &start, &end) != 2 ||
		    end - start <= best)
			continue;
		best = end - start;
		found = (char *)start;
	}
	if (maps)
		fclose(maps);
	if (!found) {
		fprintf(stderr, "registers: no memory is called %s\n", name);
		exit(1);
	}
	return found;
}

static void stored(unsigned int cpu, uint32_t info, uint64_t vaddr, void *data)
{
	struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
	uint64_t address;
	size_t i;

	(void)cpu;
	(void)data;
	if (!hwaddr || qemu_plugin_hwaddr_is_io(hwaddr))
		return;
	address = qemu_plugin_hwaddr_phys_addr(hwaddr);
	if (address < first || address > last)
		return;
	if (!memory)
		memory = find_memory();
	for (i = 0; i < n_rules; i++) {
		const struct rule *r = &rules[i];
		volatile uint32_t *word = (volatile uint32_t *)(memory + (r->target - base));

		if (r->stored != address)
			continue;
		if (r->how[0] != 's')
			*word &= ~r->bits;
		if (r->how[0] == 's')
			*word |= r->bits;
		else if (r->how[1] == 'o')
			*word |= r->bits & *(volatile uint32_t *)(memory + (address - base));
	}
}

static bool is_code(uint64_t vaddr)
{
	size_t i;

	for (i = 0; i < n_code; i++)
		if (vaddr >= code[i].low && vaddr < code[i].high)
			return true;
	return false;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	size_t i;

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (is_code(qemu_plugin_insn_vaddr(insn)))
			qemu_plugin_register_vcpu_mem_cb(insn, stored, NO_REGISTERS, STORES, NULL);
	}
}

static int read_rules(const char *path)
{
	FILE *f = fopen(path, "r");
	struct rule r;

	if (!f) {
		perror(path);
		return -1;
	}
	while (fscanf(f, "%" SCNx64 "%7s%" SCNx64 "%" SCNx32,
		      &r.stored, r.how, &r.target, &r.bits) == 4) {
		rules = realloc(rules, (n_rules + 1) * sizeof(*rules));
		if (!rules)
			return -1;
		rules[n_rules++] = r;
		first = r.stored < first ? r.stored : first;
		last = r.stored > last ? r.stored : last;
	}
	fclose(f);
	return 0;
}

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "memory=", 7))
			name = strdup(argv[i] + 7);
		else if (!strncmp(argv[i], "base=", 5))
			base = strtoull(argv[i] + 5, NULL, 0);
		else if (n_code < sizeof(code) / sizeof(code[0]) &&
			 sscanf(argv[i], "code=%" SCNx64 ":%" SCNx64,
				&code[n_code].low, &code[n_code].high) == 2)
			n_code++;
		else if (strncmp(argv[i], "rules=", 6) || read_rules(argv[i] + 6))
			return -1;
	}
	if (!name)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
