/* SPDX-License-Identifier: MIT */
#ifndef EXERCISE_MODEL_H
#define EXERCISE_MODEL_H

/*
 * The model of a walk, which all of its processes see, and what its steps share. Not for
 * tests.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dmabuf.h"
#include "dmabuf_exercise.h"

/* Of a larger buffer only so much is looked at. */
#define MOST_BYTES (64ul << 20)
#define MOST_PAGES (MOST_BYTES >> 12)

/* What is written and compared as one. */
#define GRANULE 64
#define WORDS (GRANULE / sizeof(uint32_t))

#define SLOTS 6		/* mappings of a process */
#define FDS 3		/* of the dma-buf, in a process */
#define IMPORTERS 2
#define MANY 24	/* so often that some count, list or space of the exporter has an end */
#define SAID 64

/* The state of a page of a mapping. */
#define MAPPED 1	/* it is there */
#define READ 2		/* may be read */
#define WRITE 4		/* may be written */
#define TOUCHED_PAGE 8	/* was accessed, so that there is an entry */
#define COPIED 16	/* a private copy that is not the buffer's any more */
#define FILLER 32	/* it is unmapped, and PROT_NONE keeps the place */
#define FIRST 64	/* a VMA may begin here */

struct slot {
	char *addr;		/* NULL: there is no mapping */
	const struct dmabuf_way *way;
	unsigned int start;	/* page of the buffer */
	unsigned int pages;
	bool shared;
	bool read_only;		/* of a file descriptor that is only for reading */
	uint32_t made;		/* after this write */
	size_t guard;		/* bytes behind it that are ours and that nobody may access */
	uint8_t page[MOST_PAGES];
};

struct process {
	pid_t pid;		/* 0: there is none */
	int pair[2];		/* by which steps come to it */
	int fd[FDS];		/* -1: none */
	int dev;
	unsigned int number;	/* of the buffer that dev is of */
	char *many[MANY];	/* mappings of the whole, through the fd; NULL: there are none */
	unsigned int many_page;	/* that is compared in them */
	bool keeps;		/* mappings of all kinds, for the time of a step */
	struct slot slot[SLOTS];
};

/* All processes see the same. */
struct model {
	bool buffer;		/* there is one */
	bool mapped;		/* once, at least */
	uint32_t handle;	/* of the device; 0: there is none */
	uint64_t offset;	/* at which the device maps it, as in struct dmabuf */
	bool read_only;
	bool has_dev;		/* it came with a device */
	struct dmabuf given;	/* which another process made here; fd is -1: none */
	ino_t ino;
	size_t size;
	unsigned int pages;
	unsigned int moves;
	struct {		/* the last mapping of its fd */
		size_t length;	/* 0: there was none */
		off_t offset;
		int prot, flags, mode;	/* mode: the accesses that the fd was for */
	} made;
	uint32_t granted[4];	/* kinds of mappings of its fd that were made, by its mode */
	bool synced;		/* SYNC was called, or a device came: stores go in brackets */
	bool open[3];		/* brackets, by direction */
	struct dmabuf_importer importer[IMPORTERS];
	unsigned int number;	/* of the buffer: how many there were */
	bool idled;		/* nothing was done for a while */
	bool no_way[8];		/* ways in that skipped */
	bool by_fd;		/* it was mapped through its fd */
	bool fd_refuses;	/* that is never mapped, but by its driver */
	bool no_moves;
	bool deaf[8];		/* GUP users that say nothing of this exporter */
	char why[256];		/* the last mapping that was asked for in vain */
	uint32_t writes;	/* so far: each has a number */
	uint32_t first_write;	/* of who made the buffer and has ended; 0: none */
	struct process process[EXERCISE_PROCESSES];
	uint32_t write[MOST_BYTES / GRANULE];	/* the last of each granule; 0: unknown */
};

/* What outlives a walk: how often what was done, and what the last steps did. */
struct ex_shared {
	struct exercise_counts counts;
	unsigned int taken;
	char said[SAID][200];
};

extern struct ex_shared *ex_shared;
extern const struct exercise *ex;
extern struct model *model;
extern unsigned int ex_self;	/* which process this is */
extern size_t ex_page;		/* bytes in a page */
extern int ex_pipes[2];		/* this process's own */

/*
 * Whether a device has it. Then there is one bracket at a time: on a machine that is not coherent
 * a SYNC to begin drops what the CPU has not written back (dma_sync_sgtable_for_cpu()), which is
 * what it wrote in another that is open.
 */
bool ex_is_imported(void);

/* Whether a bracket is open. */
bool ex_is_in_sync(void);

/* Whether any process has it mapped. */
bool ex_is_mapped(void);

/* What is done next: for a message if it fails, and for the story of the walk. */
void ex_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The words of it, so far. */
char *ex_said(void);

/* That was refused, and nothing came of it. */
void ex_refused(int error);

/* Draws, of a seed: 32 bits, less than n, one time in n. */
void ex_seed(uint64_t seed);
uint32_t ex_draw(void);
uint32_t ex_below(uint32_t n);
bool ex_once_in(uint32_t n);

/* This process, and its device of the buffer (-1: it is closed here). */
struct process *ex_my(void);
int ex_my_dev(void);

/* What the step before was about, and whether half of those that follow go on with it. */
struct ex_last {
	unsigned int who, slot, page;
};

extern struct ex_last ex_last;
extern bool ex_goes_on;

/* Who takes a step: anybody, who has a file descriptor, who has a mapping (and which). */
unsigned int ex_draw_process(void);
bool ex_draw_owner(struct exercise_step *step);
bool ex_draw_slot(struct exercise_step *step);

/* The mapping of a step; NULL: it is not there. */
struct slot *ex_slot_of(const struct exercise_step *step);

/* A part of a mapping, by two arguments; both 0: the whole. */
struct part {
	unsigned int first, count;
};

void ex_draw_part(uint32_t *arg, unsigned int pages);
struct part ex_part_by(const uint32_t *arg, unsigned int pages);

/*
 * The mapping that a step is about, and of the part of it that its arguments from the third
 * on choose what is mapped and is not without; who made it is blamed from here on. NULL:
 * there is none.
 */
struct slot *ex_part_of(const struct exercise_step *step, uint8_t without, struct part *p);

/* The pages from first on, no more than count, of which each has these bits and no other. */
unsigned int ex_run_of(const struct slot *s, unsigned int first, unsigned int count,
		       uint8_t has, uint8_t has_not);

/* The same, of what is mapped, within what may be one VMA. */
unsigned int ex_vma_of(const struct slot *s, unsigned int first, unsigned int count);

/* VMAs may begin where a part begins and behind it. */
void ex_cut(struct slot *s, struct part p);
char *ex_at(const struct slot *s, unsigned int n);

/* Whose fault it is from here on, as far as the mapping tells. */
void ex_blame(const struct slot *s);
const char *ex_contents_clause(void);

/* A granule of a mapping. */
struct place {
	unsigned int n;		/* page of the mapping */
	size_t granule;		/* of the buffer */
	char *addr;
};

struct place ex_place_of(const struct slot *s, size_t i);

/* The i-th word of what the write of this number puts there. */
uint32_t ex_word(size_t granule, unsigned int i, uint32_t number);

/* Writes what the write of this number puts there; compares with that of the last write. */
void ex_put(void *addr, size_t granule, uint32_t number);
void ex_must_be(const void *addr, size_t granule, const char *by);

/* While a thread writes beside a move: the number of its first write; else 0. */
extern uint32_t ex_beside_first;

/*
 * Whether the mapping must show the last write to the granule: what is written after a
 * private mapping was made may show in it, or not (mmap(2)).
 */
bool ex_must_show(const struct slot *s, size_t granule);

/* A store or a load by this process, or what must become of it if it may not. */
void ex_store(struct slot *s, struct place p);
void ex_load(struct slot *s, struct place p);

/*
 * DMA_BUF_IOCTL_SYNC by this process; false: it has no file descriptor. Once somebody else
 * may look, what is written outside of brackets may be lost, and that is nobody's fault
 * (linux/dma-buf.h): stores go between ex_begin_store() and ex_end_store(), if they count.
 */
bool ex_sync_cpu(uint64_t flags);
bool ex_begin_store(void);
void ex_end_store(bool begun);
bool ex_stores_count(void);

/* Attempts to pin pages, by one of the users that were found. */
void ex_find_users(void);
void ex_pin(struct slot *s, unsigned int first, unsigned int count, unsigned int which);

/* Contents against the model: some of what was touched, or all; the rule where a step was. */
void ex_compare(struct slot *s, uint32_t salt, bool all);
void ex_judge_after(const struct exercise_step *step);

/* The rule, from a page of a mapping on; the salt draws of which others. */
void ex_rule_must_hold(struct slot *s, unsigned int first, uint32_t salt);

/* buffer.c: whether nobody has it any more, and then it must be gone; nobody is to have it. */
void ex_judge_freed(void);
void ex_drop_all(void);

/*
 * buffer.c: some pages of each mapping here are written by it. client.c: the exporting driver's own
 * mmap; NULL if it has none.
 */
void ex_store_by_each(void);
const struct dmabuf_way *ex_native_way(void);

/*
 * mapping.c: it goes, and so do those that are many; all that is known is compared in a mapping of
 * the file descriptor that is made for it, if one can be; a way in leads to the buffer, which is
 * filled in. Who makes a buffer and then ends may map it and write its first granule.
 */
void ex_forget(struct slot *s);
void ex_compare_many(void);
void ex_forget_many(void);
void ex_use_first(const struct dmabuf *buf);
void ex_compare_afresh(void);
bool ex_way_is_open(const struct dmabuf_way *way, struct dmabuf *buf, unsigned int fd);
bool ex_draw_slot_part(struct exercise_step *step);

/* access.c */
bool ex_draw_access(struct exercise_step *step);

/* process.c: process 0 gets the buffer that another has made, if the kernel lets it */
void ex_take_over(unsigned int i);
void ex_end_process(unsigned int i);
void ex_take(const struct exercise_step *step);
void ex_compare_everywhere(void);
void ex_tell(unsigned int i, const struct exercise_step *order);

extern const struct exercise_op op_alloc;
extern const struct exercise_op op_map;
extern const struct exercise_op op_unmap;
extern const struct exercise_op op_protect;
extern const struct exercise_op op_remap;
extern const struct exercise_op op_advise;
extern const struct exercise_op op_lock;
extern const struct exercise_op op_store;
extern const struct exercise_op op_load;
extern const struct exercise_op op_together;
extern const struct exercise_op op_pin;
extern const struct exercise_op op_mem;
extern const struct exercise_op op_guest;
extern const struct exercise_op op_sync;
extern const struct exercise_op op_import;
extern const struct exercise_op op_release;
extern const struct exercise_op op_move;
extern const struct exercise_op op_dup;
extern const struct exercise_op op_export;
extern const struct exercise_op op_close;
extern const struct exercise_op op_stranger;
extern const struct exercise_op op_fork;
extern const struct exercise_op op_exit;
extern const struct exercise_op op_hand;
extern const struct exercise_op op_others;
extern const struct exercise_op op_client;
extern const struct exercise_op op_often;
extern const struct exercise_op op_kinds;
extern const struct exercise_op op_pressure;
extern const struct exercise_op op_idle;
extern const struct exercise_op op_drop;

#endif /* EXERCISE_MODEL_H */
