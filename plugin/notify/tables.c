/* tables.c
 * Rows of the tables in the Statistics menu, which tshark prints with -z
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "notify/tables.h"

#include <epan/packet.h>
#include <string.h>

struct oxc_rows {
    stat_tap_table_ui *ui;
    size_t row_size;
    void (*free_row)(void *row);
    GHashTable *by_key;         /* key -> row; the key is in the row */
    GHashTable *used;           /* table -> rows in use */
};

static uint32_t dissections;     /* sessions of dissection that ended */

static void
count_dissection(void)
{
    dissections++;
}

uint64_t
oxc_rows_session_key(uint32_t session, uint8_t part)
{
    return (uint64_t)dissections << 40 | (uint64_t)session << 8 | part;
}

static unsigned
used_rows(const oxc_rows_t *rows, const stat_tap_table *table)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(rows->used, table));
}

oxc_rows_t *
oxc_rows_new(stat_tap_table_ui *ui, size_t row_size, void (*free_row)(void *row))
{
    oxc_rows_t *rows = g_new0(oxc_rows_t, 1);

    rows->ui = ui;
    rows->row_size = row_size;
    rows->free_row = free_row ? free_row : g_free;
    rows->by_key = g_hash_table_new_full(oxc_uint64_hash, g_int64_equal, NULL, rows->free_row);
    rows->used = g_hash_table_new(g_direct_hash, g_direct_equal);
    return rows;
}

void *
oxc_rows_find(oxc_rows_t *rows, uint64_t key)
{
    return g_hash_table_lookup(rows->by_key, &key);
}

void *
oxc_rows_get(oxc_rows_t *rows, stat_tap_table *table, uint64_t key)
{
    oxc_row_t *row = (oxc_row_t *)oxc_rows_find(rows, key);

    if (row)
        return row;
    row = (oxc_row_t *)g_malloc0(rows->row_size);
    row->table = table;
    row->index = used_rows(rows, table);
    row->key = key;
    g_hash_table_insert(rows->by_key, &row->key, row);
    g_hash_table_insert(rows->used, table, GUINT_TO_POINTER(row->index + 1));
    if (row->index >= table->num_elements) {
        stat_tap_table_item_type *cells = g_new0(stat_tap_table_item_type, table->num_fields);

        stat_tap_init_table_row(table, row->index, table->num_fields, cells);
        g_free(cells);
    }
    return row;
}

static stat_tap_table_item_type *
cell(const oxc_row_t *row, unsigned column)
{
    return stat_tap_get_field_data(row->table, row->index, column);
}

void
oxc_row_set_uint(oxc_row_t *row, unsigned column, unsigned value)
{
    stat_tap_table_item_type *item = cell(row, column);

    item->type = TABLE_ITEM_UINT;
    item->value.uint_value = value;
}

void
oxc_row_set_float(oxc_row_t *row, unsigned column, double value)
{
    stat_tap_table_item_type *item = cell(row, column);

    item->type = TABLE_ITEM_FLOAT;
    item->value.float_value = value;
}

static void
clear(stat_tap_table_item_type *item)
{
    if (item->type == TABLE_ITEM_STRING)
        g_free((void *)item->value.string_value);
    memset(item, 0, sizeof *item);
}

void
oxc_row_set_text(oxc_row_t *row, unsigned column, const char *text)
{
    stat_tap_table_item_type *item = cell(row, column);

    if (item->type == TABLE_ITEM_STRING && strcmp(item->value.string_value, text) == 0)
        return;
    clear(item);
    item->type = TABLE_ITEM_STRING;
    item->value.string_value = g_strdup(text);
}

/*
 * The rows of another filter or file are others. A window of Wireshark points to the cells it shows, and several
 * windows show one table: with more than one, cells are emptied and kept.
 */
void
oxc_rows_reset(oxc_rows_t *rows, stat_tap_table *table)
{
    for (unsigned i = 0; i < table->num_elements; i++) {
        for (unsigned column = 0; column < table->num_fields; column++)
            clear(stat_tap_get_field_data(table, i, column));
        if (rows->ui->refcount <= 1)
            g_free(table->elements[i]);
    }
    if (rows->ui->refcount <= 1)
        table->num_elements = 0;
    /* The other tables of the statistic are reset next. */
    g_hash_table_remove_all(rows->by_key);
    g_hash_table_remove_all(rows->used);
}

void
oxc_rows_free_item(stat_tap_table *table _U_, unsigned row _U_, unsigned column _U_, stat_tap_table_item_type *item)
{
    clear(item);
}

void
oxc_tables_register(void)
{
    register_cleanup_routine(count_dissection);
}
