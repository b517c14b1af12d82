/* counted.c
 * Makes callgrind count the dissection alone: what the start of tshark takes (reading of names and services, too) is
 * neither simulated, which would take longer than all the rest, nor in the result
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

/* Preloaded into tshark under valgrind; no part of the plugin. */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <valgrind/callgrind.h>

__attribute__((visibility("default"))) void *epan_new(void *providers, const void *functions);
__attribute__((visibility("default"))) void epan_cleanup(void);
__attribute__((visibility("default"))) uint32_t g_random_int(void);

/* The file is open, and no packet read yet. */
void *
epan_new(void *providers, const void *functions)
{
    void *(*original)(void *, const void *) = (void *(*)(void *, const void *))dlsym(RTLD_NEXT, "epan_new");
    void *session = original(providers, functions);

    CALLGRIND_START_INSTRUMENTATION;
    return session;
}

/* What the end of the program takes does not depend on the capture either. */
void
epan_cleanup(void)
{
    fflush(NULL);
    _exit(EXIT_SUCCESS);
}

/* Wireshark's hash functions begin with a random number; the same one each time makes counts repeat. */
uint32_t
g_random_int(void)
{
    return 0x9E3779B9;
}
