/* postdissector.c
 * What looks at a frame after all dissectors have
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "tcp/postdissector.h"

#include "registration.h"

#include <epan/exceptions.h>

#include "session/clock.h"
#include "tcp/connection.h"
#include "tcp/heuristic.h"
#include "tcp/segment.h"

#define MAX_WATCHERS 8          /* one for each transport */

static struct {
    const oxc_watcher_t *watcher;
    protocol_t *protocol;
} watchers[MAX_WATCHERS];                       /* all */
static unsigned watcher_count;

#define LAYERS (2 * OXC_LAYER_LOST)             /* sets of them */

/* Those whose protocol is enabled, of one kind of frames. */
typedef struct {
    const oxc_watcher_t *watchers[MAX_WATCHERS];
    uint8_t count;
    /* By the frame's layers, and one behind the other: from that one on, who looks at such frames; the count for nobody. */
    uint8_t next[LAYERS][MAX_WATCHERS + 1];
} active_t;

static active_t active_tcp, active_udp;
static dissector_handle_t postdissector;
static bool registered;
static dissector_handle_t looking;              /* in the name of the first that is enabled; NULL if none is */
static const char *looking_name;
static struct {
    const protocol_t *protocol;
    dissector_handle_t handle;
} known[MAX_WATCHERS + 1];                      /* each that was such a name so far */
static unsigned known_count;
static bool explained;                          /* the frame's layers are */
static unsigned expected;                       /* bits of oxc_frame_t: what is in the capture */

void
oxc_postdissector_add(const oxc_watcher_t *watcher, int proto)
{
    DISSECTOR_ASSERT(watcher_count < MAX_WATCHERS);
    watchers[watcher_count].watcher = watcher;
    watchers[watcher_count++].protocol = find_protocol_by_id(proto);
}

static void
plan(active_t *active)
{
    for (unsigned layers = 0; layers < LAYERS; layers++) {
        uint8_t *next = active->next[layers];

        next[active->count] = active->count;
        for (uint8_t i = active->count; i-- > 0;)
            next[i] = active->watchers[i]->kinds & (layers | expected) ? i : next[i + 1];
    }
}

void
oxc_postdissector_expect(oxc_frame_t kind)
{
    if (expected & kind)
        return;
    expected |= kind;
    plan(&active_tcp);
    plan(&active_udp);
}

void
oxc_postdissector_explained(void)
{
    explained = true;
}

bool
oxc_postdissector_expected(void)
{
    return (expected & (OXC_FRAME_MAPIHTTP | OXC_FRAME_RPC | OXC_FRAME_RPCH)) != 0;
}

/* What is looked at, and by whom. */
typedef struct {
    const active_t *active;
    unsigned layers;
    unsigned number;            /* of who looks at it now */
} sight_t;

/* Of those who look at such a frame, from that one on, who wants it; the count for nobody. Each may tell of something. */
static unsigned
find_wanted(const active_t *active, unsigned number, tvbuff_t *frame, packet_info *pinfo, unsigned layers)
{
    const uint8_t *next = active->next[layers];

    for (; number < active->count; number = next[number + 1]) {
        const oxc_watcher_t *watcher = active->watchers[number];
        bool wanted = !watcher->wants || watcher->wants(frame, pinfo, layers);

        if (explained) {
            next = active->next[0];
            explained = false;
        }
        if (wanted)
            break;
    }
    return number;
}

static void
find_next(sight_t *sight, tvbuff_t *frame, packet_info *pinfo)
{
    unsigned next = sight->active->next[sight->layers][sight->number + 1];

    sight->number = find_wanted(sight->active, next, frame, pinfo, sight->layers);
}

/* Goes on from the one that wants the frame to one with something to show in it. */
static bool
note_up_to(sight_t *sight, tvbuff_t *frame, packet_info *pinfo)
{
    while (sight->number < sight->active->count) {
        const oxc_watcher_t *watcher = sight->active->watchers[sight->number];

        if (!watcher->note || watcher->note(frame, pinfo))
            return true;
        find_next(sight, frame, pinfo);
    }
    return false;
}

static int
look_on(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    sight_t *sight = (sight_t *)data;

    do {
        sight->active->watchers[sight->number]->look(tvb, pinfo, tree);
        find_next(sight, tvb, pinfo);
    } while (note_up_to(sight, tvb, pinfo));
    return 1;                   /* it was there, which costs less than to be taken for one that was not */
}

/*
 * Only a frame in which something is shown gets a layer: Wireshark takes longer to add one than it takes to ask everybody.
 * Whatever happens, what is known of this frame is not taken for another one's.
 */
static void
note_and_look(const active_t *active, unsigned number, unsigned layers, tvbuff_t *frame, packet_info *pinfo, proto_tree *tree)
{
    const char *caller = pinfo->current_proto;
    sight_t sight = { active, layers, number };

    TRY {
        pinfo->current_proto = looking_name;
        if (note_up_to(&sight, frame, pinfo)) {
            pinfo->can_desegment = pinfo->saved_can_desegment;      /* as if Wireshark had called who looks */
            call_dissector_only(looking, frame, pinfo, tree, &sight);
        }
        pinfo->current_proto = caller;
    }
    FINALLY {
        oxc_segment_end();
    }
    ENDTRY;
}

static int
postdissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data _U_)
{
    const active_t *active = &active_udp;
    unsigned layers = 0, number;

    if (oxc_heuristic_found)
        oxc_heuristic_end_frame();
    if (!PINFO_FD_VISITED(pinfo))
        oxc_note_time(pinfo);
    if (pinfo->ptype == PT_TCP) {
        active = &active_tcp;
        layers = oxc_segment_find_layers(pinfo);
    } else if (pinfo->ptype != PT_UDP) {
        return 1;
    }
    number = active->next[layers][0];
    if (number == active->count)
        return 1;
    if (active == &active_tcp)
        oxc_segment_begin(tvb, pinfo, layers);
    number = find_wanted(active, number, tvb, pinfo, layers);
    if (number < active->count)
        note_and_look(active, number, layers, tvb, pinfo, tree);
    else
        oxc_segment_end();
    return 1;
}

static dissector_handle_t
handle_in_name_of(const protocol_t *protocol)
{
    for (unsigned i = 0; i < known_count; i++)
        if (known[i].protocol == protocol)
            return known[i].handle;
    known[known_count].protocol = protocol;
    known[known_count].handle = create_dissector_handle(look_on, proto_get_id(protocol));
    return known[known_count++].handle;
}

/*
 * Who disables one of our protocols means that one alone, so what is found behind all dissectors is shown in the name of
 * oxcnotif or, if that is disabled, of the first that is not. Protocols change only between two readings of a file. No
 * release exports how a post-dissector is taken back.
 */
static void
begin_file(void)
{
    const protocol_t *first = find_protocol_by_id(proto_get_id_by_filter_name("oxcnotif"));

    if (!proto_is_protocol_enabled(first))
        first = NULL;
    expected = 0;
    active_tcp.count = active_udp.count = 0;
    for (unsigned i = 0; i < watcher_count; i++) {
        active_t *active = watchers[i].watcher->of == PT_TCP ? &active_tcp : &active_udp;

        if (!proto_is_protocol_enabled(watchers[i].protocol))
            continue;
        if (!first)
            first = watchers[i].protocol;
        active->watchers[active->count++] = watchers[i].watcher;
    }
    plan(&active_tcp);
    plan(&active_udp);
    if (!first)
        return;
    looking = handle_in_name_of(first);
    looking_name = proto_get_protocol_short_name(first);
    if (!registered)
        register_postdissector(postdissector);
    registered = true;
}

void
proto_register_oxc_postdissector(void)
{
    /* A name of the frame's protocol, which calls post-dissectors and cannot be disabled. */
    int proto = proto_register_protocol_in_name_only("Exchange connections behind all dissectors", "Exchange post-dissector",
                                                     "oxcnotif.postdissector", proto_get_id_by_filter_name("frame"),
                                                     FT_PROTOCOL);

    postdissector = register_dissector("oxcnotif-postdissector", postdissect, proto);
    register_init_routine(begin_file);
    oxc_heuristic_register();
    oxc_segment_register();
    oxc_connection_register();
}
