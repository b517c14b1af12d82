/* tls_waits.c
 * Long polls that cannot be read
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tls/tls_waits.h"

/* Bytes: PENDING in a chunk, a PING of HTTP/2 or its acknowledgement, in a record of any cipher; requests have more. */
#define KEEP_ALIVE_LESS_THAN 100
#define SAME_SIZE 16            /* bytes: counters in headers, padding of block ciphers */

/* Seconds. */
#define WAIT 20.0
#define PROMPT 1.0
#define AGAIN 5.0
#define UNASKED 2.0

static double
seconds_since(const nstime_t *since, const nstime_t *now)
{
    nstime_t delta;

    nstime_delta(&delta, now, since);
    return nstime_to_sec(&delta);
}

static void
request(oxc_tls_waits_t *waits, uint32_t bytes, const nstime_t *now)
{
    if (waits->waited && seconds_since(&waits->last, now) > AGAIN)
        waits->waits = 0;
    if (waits->answered || waits->begun)
        waits->request_size = 0;
    waits->answered = waits->begun = waits->waited = false;
    waits->request_size += bytes;
}

/* Returns whether a wait ended. */
static bool
response(oxc_tls_waits_t *waits, const nstime_t *now)
{
    double quiet = seconds_since(&waits->last, now);
    uint32_t size = waits->request_size;

    if (waits->answered) {
        if (quiet > UNASKED)
            waits->no_poll = true;
        return false;
    }
    if (size == 0)
        return false;
    if (quiet <= PROMPT) {
        waits->begun = true;
        return false;
    }
    waits->answered = true;
    if (quiet < WAIT)
        return false;
    if (size > waits->wait_size + SAME_SIZE || size + SAME_SIZE < waits->wait_size)
        waits->waits = 0;
    if (waits->waits < OXC_TLS_WAITS)
        waits->waits++;
    waits->wait_size = size;
    waits->waited = true;
    return true;
}

bool
oxc_tls_waits_add(oxc_tls_waits_t *waits, bool from_client, uint32_t bytes, const nstime_t *time)
{
    bool ended = false;

    if (waits->no_poll || bytes < KEEP_ALIVE_LESS_THAN)
        return false;
    if (from_client)
        request(waits, bytes, time);
    else
        ended = response(waits, time);
    waits->last = *time;
    return ended && !waits->no_poll;
}
