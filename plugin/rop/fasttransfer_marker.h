/* fasttransfer_marker.h
 * Markers and meta-properties of FastTransfer streams (MS-OXCFXICS 2.2.4.1.4, 2.2.4.1.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_FASTTRANSFER_MARKER_H
#define OXCNOTIF_FASTTRANSFER_MARKER_H

#include "compat.h"

/* Markers: they look like property tags. */
enum {
    OXC_FX_NEW_ATTACH = 0x40000003,
    OXC_FX_START_EMBED = 0x40010003,
    OXC_FX_END_EMBED = 0x40020003,
    OXC_FX_START_RECIP = 0x40030003,
    OXC_FX_END_TO_RECIP = 0x40040003,
    OXC_FX_START_TOP_FLD = 0x40090003,
    OXC_FX_START_SUB_FLD = 0x400A0003,
    OXC_FX_END_FOLDER = 0x400B0003,
    OXC_FX_START_MESSAGE = 0x400C0003,
    OXC_FX_END_MESSAGE = 0x400D0003,
    OXC_FX_END_ATTACH = 0x400E0003,
    OXC_FX_START_FAI_MSG = 0x40100003,
    OXC_FX_INCR_SYNC_CHG = 0x40120003,
    OXC_FX_INCR_SYNC_DEL = 0x40130003,
    OXC_FX_INCR_SYNC_END = 0x40140003,
    OXC_FX_INCR_SYNC_MESSAGE = 0x40150003,
    OXC_FX_FX_ERROR_INFO = 0x40180003,
    OXC_FX_INCR_SYNC_READ = 0x402F0003,
    OXC_FX_INCR_SYNC_STATE_BEGIN = 0x403A0003,
    OXC_FX_INCR_SYNC_STATE_END = 0x403B0003,
    OXC_FX_INCR_SYNC_PROGRESS_MODE = 0x4074000B,
    OXC_FX_INCR_SYNC_PROGRESS_PER_MSG = 0x4075000B,
    OXC_FX_INCR_SYNC_GROUP_INFO = 0x407B0102,
    OXC_FX_INCR_SYNC_CHG_PARTIAL = 0x407D0003
};

/* MetaTagNewFXFolder, which holds a FolderReplicaInfo. */
#define OXC_META_TAG_NEW_FX_FOLDER 0x40110102

/* Names of all markers. */
extern const value_string oxc_fx_marker_vals[];

/* Which marker ends what this one starts; 0 for one that lasts until the next of its kind. */
uint32_t oxc_fx_end_of(uint32_t marker);

/* Whether the marker ends what an earlier one started. */
bool oxc_fx_is_end(uint32_t marker);

/*
 * Name of what looks like a property in a stream and is none, e.g. "MetaTagIdsetGiven"; else NULL. Behind some markers
 * (section) the property id is 0, and the marker tells what stands there.
 */
const char *oxc_fx_meta_tag_name(uint32_t tag, uint32_t section);

#endif /* OXCNOTIF_FASTTRANSFER_MARKER_H */
