/* event.c
 * What transports and the reader of ROPs have seen, for whoever decides what it means
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/event.h"

const oxc_listener_t *oxc_listener;

void
oxc_listen(const oxc_listener_t *listener)
{
    oxc_listener = listener;
}
