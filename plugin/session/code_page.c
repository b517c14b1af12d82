/* code_page.c
 * 8-bit text in the code page of a session
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "session/code_page.h"

#include "foreign_text.h"

#define WINDOWS_1252 1252

/* Code pages that converters do not know as "CP" and their number. */
static const value_string names[] = {
    { 10000, "MACINTOSH" },
    { OXC_CODE_PAGE_ASCII, "US-ASCII" },
    { 20866, "KOI8-R" },
    { 20932, "EUC-JP" },
    { 20936, "GB2312" },
    { 21866, "KOI8-U" },
    { OXC_CODE_PAGE_LATIN1, "ISO-8859-1" },
    { 28592, "ISO-8859-2" },
    { 28593, "ISO-8859-3" },
    { 28594, "ISO-8859-4" },
    { 28595, "ISO-8859-5" },
    { 28596, "ISO-8859-6" },
    { 28597, "ISO-8859-7" },
    { 28598, "ISO-8859-8" },
    { 28599, "ISO-8859-9" },
    { 28603, "ISO-8859-13" },
    { 28605, "ISO-8859-15" },
    { 50220, "ISO-2022-JP" },
    { 51932, "EUC-JP" },
    { 51936, "GB2312" },
    { 51949, "EUC-KR" },
    { 54936, "GB18030" },
    { 65001, "UTF-8" },
    { 0, NULL }
};

/* Not of 8-bit text: UTF-16 and UTF-32. */
static bool
is_wide(uint32_t code_page)
{
    return code_page == 1200 || code_page == 1201 || code_page == 12000 || code_page == 12001;
}

/* Its name for the converter of the system. */
#define NAME_SIZE 16

static const char *
converter_name(uint32_t code_page, char name[NAME_SIZE])
{
    const char *known = try_val_to_str(code_page, names);

    snprintf(name, NAME_SIZE, "CP%u", code_page);
    return known ? known : name;
}

bool
oxc_code_page_is_known(uint32_t code_page)
{
    char name[NAME_SIZE];
    GIConv converter;

    if (code_page == 0 || code_page == WINDOWS_1252 || is_wide(code_page))
        return true;
    converter = g_iconv_open("UTF-8", converter_name(code_page, name));
    if (converter == (GIConv)-1)
        return false;
    g_iconv_close(converter);
    return true;
}

/* By the converter of the system; NULL if it does not know the code page, or the text is not in it. */
static const char *
converted(wmem_allocator_t *scope, tvbuff_t *tvb, int offset, int size, uint32_t code_page)
{
    const char *bytes = (const char *)tvb_memdup(scope, tvb, offset, size);
    const char *copy = NULL;
    char name[NAME_SIZE];
    char *text = g_convert(bytes, size, "UTF-8", converter_name(code_page, name), NULL, NULL, NULL);

    if (text)
        copy = wmem_strdup(scope, text);
    g_free(text);
    return copy;
}

const char *
oxc_code_page_text(wmem_allocator_t *scope, tvbuff_t *tvb, int offset, int size, uint32_t code_page)
{
    const char *text = NULL;

    if (code_page != 0 && code_page != WINDOWS_1252 && !is_wide(code_page) && size > 0)
        text = converted(scope, tvb, offset, size, code_page);
    return text ? oxc_value_text(scope, text) : (const char *)tvb_get_string_enc(scope, tvb, offset, size, ENC_WINDOWS_1252 | ENC_NA);
}
