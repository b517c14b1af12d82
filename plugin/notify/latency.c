/* latency.c
 * How long follow-ups take, as the capture itself shows
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/latency.h"

#include <epan/epan.h>

/* Bin n holds latencies below 1 ms * 2^n; the first counts are what is expected of clients in a local network. */
#define BINS 18
static const double expected[BINS] = {1, 1, 3, 6, 9, 9, 7, 5, 3, 2, 1.5, 1, 1, 1, 1, 1, 1, 1};
static double latencies[BINS];
static double latency_total;

static void
forget_latencies(void)
{
    latency_total = 0;
    for (unsigned i = 0; i < BINS; i++) {
        latencies[i] = expected[i];
        latency_total += expected[i];
    }
}

static unsigned
latency_bin(double seconds)
{
    unsigned bin = 0;

    for (double end = 0.001; bin < BINS - 1 && seconds >= end; end *= 2)
        bin++;
    return bin;
}

void
oxc_latency_learn(double seconds)
{
    latencies[latency_bin(seconds)]++;
    latency_total++;
}

double
oxc_latency_density(double seconds)
{
    unsigned bin = latency_bin(seconds);
    double begin = bin == 0 ? 0 : 0.001 * (1 << (bin - 1));
    double width = bin == 0 ? 0.001 : begin;

    return latencies[bin] / latency_total / width;
}

double
oxc_latency_later(double seconds)
{
    unsigned bin = latency_bin(seconds);
    double begin = bin == 0 ? 0 : 0.001 * (1 << (bin - 1));
    double width = bin == 0 ? 0.001 : begin;
    double later = latencies[bin] * MAX(0.0, 1.0 - (seconds - begin) / width);

    for (unsigned i = bin + 1; i < BINS; i++)
        later += latencies[i];
    return MAX(later / latency_total, 0.001);
}

void
oxc_latency_register(void)
{
    register_init_routine(forget_latencies);
}
