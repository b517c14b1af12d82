/* fasttransfer_size.c
 * How many bytes a property of a FastTransfer stream takes (MS-OXCFXICS 2.2.4.1)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/fasttransfer_size.h"

#include <string.h>

static oxc_fx_result_t
size_within(int64_t available, oxc_fx_size_t *info)
{
    return info->size <= available ? OXC_FX_COMPLETE : OXC_FX_INCOMPLETE;
}

/* A value of variable size: its size, then so many bytes. */
static oxc_fx_result_t
sized_bytes(tvbuff_t *tvb, int offset, int64_t at, int64_t available, oxc_fx_size_t *info)
{
    info->size = at + 4;
    if (at + 4 > available)
        return OXC_FX_INCOMPLETE;
    info->number = tvb_get_letohl(tvb, offset + (int)at);
    info->header = at + 4;
    info->size = at + 4 + info->number;
    return size_within(available, info);
}

/* What names a named property: moves at behind it. */
static oxc_fx_result_t
name_size(tvbuff_t *tvb, int offset, int64_t *at, int64_t available, oxc_fx_size_t *info)
{
    info->size = *at + 17;
    if (*at + 17 > available)
        return OXC_FX_INCOMPLETE;
    *at += 17;
    switch (tvb_get_uint8(tvb, offset + (int)*at - 1)) {
    case 0:
        *at += 4;
        info->size = *at;
        return size_within(available, info);
    case 1:
        for (; *at + 2 <= available; *at += 2) {
            if (tvb_get_letohs(tvb, offset + (int)*at) == 0) {
                *at += 2;
                return OXC_FX_COMPLETE;
            }
        }
        info->size = *at + 2;
        return OXC_FX_INCOMPLETE;
    default:
        return OXC_FX_INVALID;
    }
}

bool
oxc_fx_is_variable(uint16_t type)
{
    return type & OXC_PTYP_CODE_PAGE || type == PTYP_STRING || type == PTYP_STRING8 || type == PTYP_BINARY
           || type == PTYP_OBJECT || type == PTYP_SERVER_ID;
}

/* An array of values that each have their size in front. */
static oxc_fx_result_t
sized_elements(tvbuff_t *tvb, int offset, int64_t available, oxc_fx_size_t *info)
{
    for (uint32_t i = 0; i < info->number; i++) {
        oxc_fx_size_t element;
        oxc_fx_result_t result = sized_bytes(tvb, offset, info->size, available, &element);

        info->size = element.size;
        if (result != OXC_FX_COMPLETE)
            return result;
    }
    return OXC_FX_COMPLETE;
}

oxc_fx_result_t
oxc_fx_property_size(const oxc_read_t *r, int offset, int64_t available, oxc_fx_size_t *info)
{
    uint32_t tag = tvb_get_letohl(r->tvb, offset);
    uint16_t type = tag == OXC_META_TAG_IDSET_GIVEN ? PTYP_BINARY : OXC_TYPE_OF(tag);
    oxc_fx_result_t result;
    int64_t at = 4;
    int fixed;

    memset(info, 0, sizeof *info);
    if (OXC_ID_OF(tag) >= 0x8000) {
        result = name_size(r->tvb, offset, &at, available, info);
        if (result != OXC_FX_COMPLETE)
            return result;
    }
    info->size = at;
    if (type == PTYP_NULL || type == PTYP_UNSPECIFIED)
        return OXC_FX_COMPLETE;
    if (oxc_fx_is_variable(type))
        return sized_bytes(r->tvb, offset, at, available, info);
    fixed = oxc_property_fixed_size(r, type & ~PTYP_MULTIPLE);
    if (!(type & PTYP_MULTIPLE)) {
        info->size = at + fixed;
        return fixed == 0 ? OXC_FX_INVALID : size_within(available, info);
    }
    if (fixed == 0 && !oxc_fx_is_variable(type & ~PTYP_MULTIPLE))
        return OXC_FX_INVALID;
    info->size = at + 4;
    if (at + 4 > available)
        return OXC_FX_INCOMPLETE;
    info->number = tvb_get_letohl(r->tvb, offset + (int)at);
    info->header = at + 4;
    if (fixed == 0)
        return sized_elements(r->tvb, offset, available, info);
    info->size += (int64_t)info->number * fixed;
    return size_within(available, info);
}

oxc_fx_result_t
oxc_fx_element_size(const oxc_read_t *r, int offset, uint16_t type, int64_t available, oxc_fx_size_t *info)
{
    int fixed = oxc_property_fixed_size(r, type);

    memset(info, 0, sizeof *info);
    info->size = fixed;
    return fixed ? size_within(available, info) : sized_bytes(r->tvb, offset, 0, available, info);
}
