/* latency.c
 * How long follow-ups take, as the capture itself shows
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/latency.h"

/* Counts that are expected of clients in a local network, before anything is learnt. */
static const double expected[OXC_LATENCY_BINS] = {1, 1, 3, 6, 9, 9, 7, 5, 3, 2, 1.5, 1, 1, 1, 1, 1, 1, 1};
#define EXPECTED_TOTAL 54.5

static unsigned
latency_bin(double seconds)
{
    unsigned bin = 0;

    for (double end = 0.001; bin < OXC_LATENCY_BINS - 1 && seconds >= end; end *= 2)
        bin++;
    return bin;
}

/* Latencies of a bin, from where on in seconds, and how wide. */
static double
bin_begin(unsigned bin)
{
    return bin == 0 ? 0 : 0.001 * (1 << (bin - 1));
}

static double
bin_width(unsigned bin)
{
    return bin == 0 ? 0.001 : bin_begin(bin);
}

static double
share(const oxc_latencies_t *latencies, unsigned bin)
{
    return (expected[bin] + latencies->bins[bin]) / (EXPECTED_TOTAL + latencies->total);
}

void
oxc_latency_learn(oxc_latencies_t *latencies, double seconds)
{
    latencies->bins[latency_bin(seconds)]++;
    latencies->total++;
}

double
oxc_latency_density(const oxc_latencies_t *latencies, double seconds)
{
    unsigned bin = latency_bin(seconds);

    return share(latencies, bin) / bin_width(bin);
}

double
oxc_latency_later(const oxc_latencies_t *latencies, double seconds)
{
    unsigned bin = latency_bin(seconds);
    double later = share(latencies, bin) * MAX(0.0, 1.0 - (seconds - bin_begin(bin)) / bin_width(bin));

    for (unsigned i = bin + 1; i < OXC_LATENCY_BINS; i++)
        later += share(latencies, i);
    return MAX(later, 0.001);
}
