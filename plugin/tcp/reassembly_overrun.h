/* reassembly_overrun.h
 * Messages that TCP took for the rest of an earlier one
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef OXCNOTIF_REASSEMBLY_OVERRUN_H
#define OXCNOTIF_REASSEMBLY_OVERRUN_H

#include "compat.h"

#include <epan/expert.h>

#include "tcp/postdissector.h"

/*
 * A message asks for as many bytes as its length says (Content-Length, the size of a chunk, frag_length). If that is
 * damaged, Wireshark's reassembly takes the messages behind it for its rest: nobody is asked about these.
 */
typedef struct {
    uint32_t frame;
    uint32_t by;                /* the frame in which the message began that took this one */
    uint32_t size;              /* bytes of the segment that it took */
    uint32_t seq;               /* of the segment, in TCP's numbering: relative if the user wants that */
} oxc_overrun_t;

/* Whose messages can be swallowed. */
typedef struct {
    int *proto;
    expert_field *ei;
    const char *what;           /* is swallowed: "message", "PDU" */
    const char *lengths;        /* by what one is that goes on for too long */
    /* May one begin with these two bytes (oxc_segment_first_bytes())? */
    bool (*may_begin)(int first);
    /* Does one begin where the data do? by: see above. First visit only. */
    bool (*begins)(tvbuff_t *data, packet_info *pinfo, uint32_t by);
} oxc_overrun_kind_t;

bool oxc_overrun_find(tvbuff_t *frame, packet_info *pinfo, const oxc_overrun_kind_t *of);

/*
 * Was something swallowed of the frame's data, and does a message begin where they do? Behind the TCP dissector. Only in
 * captures with a connection that may be ours: all others ask for each frame, too, and take nothing but the question.
 */
static inline bool
oxc_overrun_note(tvbuff_t *frame, packet_info *pinfo, const oxc_overrun_kind_t *of)
{
    return oxc_postdissector_expected() && oxc_overrun_find(frame, pinfo, of);
}

/*
 * What was swallowed, after the expert item that says so; NULL if oxc_overrun_note(), which is to be called before, found
 * nothing. data becomes oxc_tcp_payload() then. It is found on the first visit and lives as long as the file is open.
 */
const oxc_overrun_t *oxc_overrun_show(tvbuff_t *frame, packet_info *pinfo, proto_tree *tree,
                                          const oxc_overrun_kind_t *of, tvbuff_t **data);

/*
 * Does TCP put data of this frame together with later data, for whoever was asked about them? First visit only, behind
 * the TCP dissector.
 */
bool oxc_overrun_is_possible(packet_info *pinfo);

#endif /* OXCNOTIF_REASSEMBLY_OVERRUN_H */
