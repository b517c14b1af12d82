/* tables.h
 * Rows of the tables in the Statistics menu, which tshark prints with -z
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_TABLES_H
#define OXCNOTIF_TABLES_H

#include "notify/wakeup_outcome.h"

#include <epan/stat_tap_ui.h>

/*
 * Wireshark draws a table from its cells at any time and asks nobody before, so a cell must be right after each event.
 * A table grows by one row for each thing that is counted.
 */
typedef struct oxc_rows oxc_rows_t;

/* What a row counts; begins with this. Made zeroed, with place and key. */
typedef struct {
    stat_tap_table *table;
    unsigned index;
    uint64_t key;
} oxc_row_t;

/* A set of rows for a statistic; row_size is that of its own row, free_row (may be NULL) frees what the row owns. */
oxc_rows_t *oxc_rows_new(stat_tap_table_ui *ui, size_t row_size, void (*free_row)(void *row));

/*
 * The key of a row of a session (0: none or not known), or of a part of it (below 256). Sessions are counted from 1 again when a session of
 * dissection ends and the statistic goes on (tshark -M, ring buffers): then they are others, and so are their rows.
 */
uint64_t oxc_rows_session_key(uint32_t session, uint8_t part);

/* The row with a key, which is unique in the statistic; NULL when there is none. */
void *oxc_rows_find(oxc_rows_t *rows, uint64_t key);

/* The same, but made at the end of the table if there was none, with empty cells. */
void *oxc_rows_get(oxc_rows_t *rows, stat_tap_table *table, uint64_t key);

/* Cells from the left; text is copied. Cells that were never set are empty, and what is right of them in tshark. */
void oxc_row_set_uint(oxc_row_t *row, unsigned column, unsigned value);
void oxc_row_set_float(oxc_row_t *row, unsigned column, double value);
void oxc_row_set_text(oxc_row_t *row, unsigned column, const char *text);

/* For stat_tap_reset_table_cb and stat_tap_free_table_item_cb. */
void oxc_rows_reset(oxc_rows_t *rows, stat_tap_table *table);
void oxc_rows_free_item(stat_tap_table *table, unsigned row, unsigned column, stat_tap_table_item_type *item);

void oxc_tables_register(void);

#endif /* OXCNOTIF_TABLES_H */
