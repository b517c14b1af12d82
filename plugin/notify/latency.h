/* latency.h
 * How long follow-ups take, as the capture itself shows
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_LATENCY_H
#define OXCNOTIF_LATENCY_H

#include "compat.h"

/* Bin n holds latencies below 1 ms * 2^n. */
#define OXC_LATENCY_BINS 18

/* Follow-ups of which there is little doubt, by their latency. All zero where none was seen. */
typedef struct {
    uint32_t total;
    uint32_t bins[OXC_LATENCY_BINS];
} oxc_latencies_t;

/* A wake-up was followed up after this many seconds. First visit only. */
void oxc_latency_learn(oxc_latencies_t *latencies, double seconds);

/* Density of follow-ups at this latency, per second. */
double oxc_latency_density(const oxc_latencies_t *latencies, double seconds);

/* Share of follow-ups that come later than this; never 0. */
double oxc_latency_later(const oxc_latencies_t *latencies, double seconds);

#endif /* OXCNOTIF_LATENCY_H */
