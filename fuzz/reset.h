/* reset.h
 * Forgets one input before the next, without closing a file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_FUZZ_RESET_H
#define OXCNOTIF_FUZZ_RESET_H

#include <stdint.h>

/*
 * Closing a file and opening the next has Wireshark read its lists of names anew and run the start routines of all its dissectors:
 * ten times what an input costs. So the dissectors that may see fuzzed bytes are few, and only theirs are run.
 */

/* After epan_init(): turns all protocols off but ours and those that carry them. */
void fuzz_reset_prepare(void);

/* Everything that belongs to the file is gone, as when it is closed and opened again. */
void fuzz_reset(void);

/* Memory that is taken or given back without malloc or free having been called; given by harness.c. */
void fuzz_count_memory(int64_t bytes);

#endif /* OXCNOTIF_FUZZ_RESET_H */
