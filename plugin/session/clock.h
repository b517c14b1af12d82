/* clock.h
 * The time of the capture
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_CLOCK_H
#define OXCNOTIF_CLOCK_H

#include "compat.h"

/* Of the latest frame of any kind so far, on the first visit; 0 before. */
extern nstime_t oxc_latest_time;

/* For each frame, so it calls nobody. A time that is not set has no seconds. */
static inline void
oxc_note_time(const packet_info *pinfo)
{
    const nstime_t *now = &pinfo->abs_ts;

    if (now->secs > oxc_latest_time.secs ||
        (now->secs == oxc_latest_time.secs && now->nsecs > oxc_latest_time.nsecs && !(now->secs == 0 && nstime_is_unset(now))))
        oxc_latest_time = *now;
}

#endif /* OXCNOTIF_CLOCK_H */
