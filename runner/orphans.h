/* SPDX-License-Identifier: MIT */
#ifndef RUNNER_ORPHANS_H
#define RUNNER_ORPHANS_H

/*
 * orphans_begin:
 *
 * From here on what a test leaves behind is this process's, wherever it hid: in a session
 * of its own, or with a parent that has ended. If this process dies, too, and be it by
 * SIGKILL, a second one ends all that its tests had started, before it goes as well.
 */
void orphans_begin(void);

/* Ends what the last test left; a second at most, for not even SIGKILL ends all. */
void orphans_end(void);

/* No test will be started any more. */
void orphans_finish(void);

#endif /* RUNNER_ORPHANS_H */
