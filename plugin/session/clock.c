/* clock.c
 * The time of the capture
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/clock.h"

nstime_t oxc_latest_time;
