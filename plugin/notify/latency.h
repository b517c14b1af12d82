/* latency.h
 * How long follow-ups take, as the capture itself shows
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_LATENCY_H
#define OXCNOTIF_LATENCY_H

#include "compat.h"

/* A wake-up was followed up after this many seconds, and there is little doubt of it. First visit only. */
void oxc_latency_learn(double seconds);

/* Density of follow-ups at this latency, per second. */
double oxc_latency_density(double seconds);

/* Share of follow-ups that come later than this; never 0. */
double oxc_latency_later(double seconds);

/* Registers what lives from file to file. */
void oxc_latency_register(void);

#endif /* OXCNOTIF_LATENCY_H */
