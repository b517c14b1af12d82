/* fasttransfer_marker.c
 * Markers and meta-properties of FastTransfer streams (MS-OXCFXICS 2.2.4.1.4, 2.2.4.1.5)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "rop/fasttransfer_marker.h"

const value_string oxc_fx_marker_vals[] = {    /* MS-OXCFXICS 2.2.4.1.4 */
    { OXC_FX_NEW_ATTACH, "NewAttach" },
    { OXC_FX_START_EMBED, "StartEmbed" },
    { OXC_FX_END_EMBED, "EndEmbed" },
    { OXC_FX_START_RECIP, "StartRecip" },
    { OXC_FX_END_TO_RECIP, "EndToRecip" },
    { OXC_FX_START_TOP_FLD, "StartTopFld" },
    { OXC_FX_START_SUB_FLD, "StartSubFld" },
    { OXC_FX_END_FOLDER, "EndFolder" },
    { OXC_FX_START_MESSAGE, "StartMessage" },
    { OXC_FX_END_MESSAGE, "EndMessage" },
    { OXC_FX_END_ATTACH, "EndAttach" },
    { OXC_FX_START_FAI_MSG, "StartFAIMsg" },
    { OXC_FX_INCR_SYNC_CHG, "IncrSyncChg" },
    { OXC_FX_INCR_SYNC_DEL, "IncrSyncDel" },
    { OXC_FX_INCR_SYNC_END, "IncrSyncEnd" },
    { OXC_FX_INCR_SYNC_MESSAGE, "IncrSyncMessage" },
    { OXC_FX_FX_ERROR_INFO, "FXErrorInfo" },
    { OXC_FX_INCR_SYNC_READ, "IncrSyncRead" },
    { OXC_FX_INCR_SYNC_STATE_BEGIN, "IncrSyncStateBegin" },
    { OXC_FX_INCR_SYNC_STATE_END, "IncrSyncStateEnd" },
    { OXC_FX_INCR_SYNC_PROGRESS_MODE, "IncrSyncProgressMode" },
    { OXC_FX_INCR_SYNC_PROGRESS_PER_MSG, "IncrSyncProgressPerMsg" },
    { OXC_FX_INCR_SYNC_GROUP_INFO, "IncrSyncGroupInfo" },
    { OXC_FX_INCR_SYNC_CHG_PARTIAL, "IncrSyncChgPartial" },
    { 0, NULL }
};

static const value_string meta_tag_vals[] = {   /* MS-OXCFXICS 2.2.1.1, 2.2.4.1.5 */
    { 0x4008001E, "MetaTagDnPrefix" },
    { 0x400F0003, "MetaTagEcWarning" },
    { OXC_META_TAG_NEW_FX_FOLDER, "MetaTagNewFXFolder" },
    { 0x40160003, "MetaTagFXDelProp" },
    { 0x40170003, "MetaTagIdsetGiven" },
    { 0x40210102, "MetaTagIdsetNoLongerInScope" },
    { 0x402D0102, "MetaTagIdsetRead" },
    { 0x402E0102, "MetaTagIdsetUnread" },
    { 0x407A0003, "MetaTagIncrementalSyncMessagePartial" },
    { 0x407C0003, "MetaTagIncrSyncGroupId" },
    { 0x67930102, "MetaTagIdsetExpired" },
    { 0x67960102, "MetaTagCnsetSeen" },
    { 0x67D20102, "MetaTagCnsetRead" },
    { 0x67DA0102, "MetaTagCnsetSeenFAI" },
    { 0x67E50102, "MetaTagIdsetDeleted" },
    { 0, NULL }
};

/* Values with the property id 0 (MS-OXCFXICS 2.2.4.3) */
static const value_string progress_mode_vals[] = {
    { 0x00000102, "ProgressInformation" },
    { 0, NULL }
};

static const value_string progress_per_message_vals[] = {
    { 0x00000003, "Message size" },
    { 0x0000000B, "FAI message" },
    { 0, NULL }
};

static const value_string group_info_vals[] = {
    { 0x00000102, "PropertyGroupInfo" },
    { 0, NULL }
};

const char *
oxc_fx_meta_tag_name(uint32_t tag, uint32_t section)
{
    const value_string *names = meta_tag_vals;

    if (tag >> 16 == 0 && section == OXC_FX_INCR_SYNC_PROGRESS_MODE)
        names = progress_mode_vals;
    else if (tag >> 16 == 0 && section == OXC_FX_INCR_SYNC_PROGRESS_PER_MSG)
        names = progress_per_message_vals;
    else if (tag >> 16 == 0 && section == OXC_FX_INCR_SYNC_GROUP_INFO)
        names = group_info_vals;
    return try_val_to_str(tag, names);
}

uint32_t
oxc_fx_end_of(uint32_t marker)
{
    switch (marker) {
    case OXC_FX_NEW_ATTACH:
        return OXC_FX_END_ATTACH;
    case OXC_FX_START_EMBED:
        return OXC_FX_END_EMBED;
    case OXC_FX_START_RECIP:
        return OXC_FX_END_TO_RECIP;
    case OXC_FX_START_TOP_FLD:
    case OXC_FX_START_SUB_FLD:
        return OXC_FX_END_FOLDER;
    case OXC_FX_START_MESSAGE:
    case OXC_FX_START_FAI_MSG:
        return OXC_FX_END_MESSAGE;
    case OXC_FX_INCR_SYNC_STATE_BEGIN:
        return OXC_FX_INCR_SYNC_STATE_END;
    default:
        return 0;
    }
}

bool
oxc_fx_is_end(uint32_t marker)
{
    return marker == OXC_FX_END_ATTACH || marker == OXC_FX_END_EMBED || marker == OXC_FX_END_TO_RECIP
           || marker == OXC_FX_END_FOLDER || marker == OXC_FX_END_MESSAGE || marker == OXC_FX_INCR_SYNC_STATE_END
           || marker == OXC_FX_INCR_SYNC_END;
}
