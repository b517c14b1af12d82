/* harness.c
 * A Wireshark around the fuzzed bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "harness.h"

#include "reset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <epan/addr_resolv.h>
#include <epan/column.h>
#include <epan/column-info.h>
#include <epan/epan.h>
#include <epan/epan_dissect.h>
#include <epan/frame_data.h>
#include <epan/prefs.h>
#include <epan/proto.h>
#include <epan/register.h>
#include <epan/timestamp.h>
#include <wiretap/wtap.h>
#include <wsutil/filesystem.h>
#include <wsutil/privileges.h>

/*
 * What one input may cost. CPU time is that of this process alone, in a build that sanitizers slow down about five times:
 * 1 s for 64 KB without them. Memory counts what the input made on top of what Wireshark had before.
 */
#define MEMORY_PER_BYTE 64
#define MEMORY_BASE     (32 * 1024 * 1024)
#define SECONDS_BASE    2.0
#define SECONDS_PER_64K 5.0

/* Counting takes a tenth of the time: it is done with inputs of one in so many sizes, of which there are plenty of each kind. */
#define COUNT_MEMORY_EVERY 3

#define MAX_FRAMES      4096
#define LEAK_RUNS       5

/* conversation_new_full() (Wireshark 4.0) keeps the name of each conversation's kind until Wireshark ends. */
#define LEAK_PER_FRAME  64

typedef struct {
    frame_data fd;
    nstime_t time;
    uint8_t *bytes;             /* a copy of its own, so that reading behind the end is seen */
    uint32_t size;
    uint32_t captured;
    int encapsulation;
    unsigned kind;
    bool from_server;
} frame_t;

void plugin_register(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *, size_t),
                                              void (*free_hook)(const volatile void *)) __attribute__((weak));
size_t __sanitizer_get_allocated_size(const volatile void *p) __attribute__((weak));

static frame_t *frames;
static unsigned frame_count;
static int64_t now;             /* microseconds */
static size_t snaplen;          /* 0: no limit */
static const frame_t *current;

static epan_dissect_t *with_tree, *without_tree;
static column_info columns;
static int proto_fuzz = -1;

/* ---- what it costs ---- */

static int64_t memory;          /* held by what the input made; tables that grow for good make it more than 0 once */
static int64_t memory_peak;
static bool memory_counts;

void
fuzz_count_memory(int64_t bytes)
{
    if (!memory_counts)
        return;
    memory += bytes;
    if (memory > memory_peak)
        memory_peak = memory;
}

static void
on_malloc(const volatile void *p G_GNUC_UNUSED, size_t size)
{
    fuzz_count_memory((int64_t)size);
}

static void
on_free(const volatile void *p)
{
    if (memory_counts && p)
        fuzz_count_memory(-(int64_t)__sanitizer_get_allocated_size(p));
}

static double
cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
check_costs(size_t size, double seconds)
{
    int64_t may = (int64_t)size * MEMORY_PER_BYTE + MEMORY_BASE;

    if (getenv("OXCNOTIF_FUZZ_COSTS"))
        fprintf(stderr, "costs: %zu bytes, %u frames, %.3f s, %" PRId64 " bytes of memory\n", size, frame_count, seconds, memory_peak);
    if (memory_peak > may) {
        fprintf(stderr, "ERROR: an input of %zu bytes takes %" PRId64 " bytes of memory; %" PRId64 " are allowed\n", size, memory_peak, may);
        abort();
    }
    if (seconds > SECONDS_BASE + SECONDS_PER_64K * (double)size / 65536) {
        fprintf(stderr, "ERROR: an input of %zu bytes takes %.1f s\n", size, seconds);
        abort();
    }
}

/* ---- frames ---- */

static frame_t *
add_frame(int encapsulation, const uint8_t *data, size_t size)
{
    frame_t *frame;

    if (frame_count == MAX_FRAMES)
        return NULL;
    frame = &frames[frame_count++];
    memset(frame, 0, sizeof *frame);
    frame->size = (uint32_t)size;
    if (snaplen)
        size = MIN(size, snaplen);
    frame->bytes = (uint8_t *)malloc(size + !size);
    if (size)
        memcpy(frame->bytes, data, size);
    frame->captured = (uint32_t)size;
    frame->encapsulation = encapsulation;
    frame->time.secs = (time_t)(now / 1000000);
    frame->time.nsecs = (int)(now % 1000000) * 1000;
    fuzz_sleep(1000);
    return frame;
}

void
fuzz_sleep(int64_t microseconds)
{
    now = MAX(0, now + microseconds);
}

void
fuzz_snaplen(size_t bytes)
{
    snaplen = bytes;
}

void
fuzz_packet(const uint8_t *data, size_t size)
{
    add_frame(WTAP_ENCAP_RAW_IP, data, size);
}

void
fuzz_frame(unsigned kind, bool from_server, const uint8_t *data, size_t size)
{
    frame_t *frame = add_frame(WTAP_ENCAP_USER0, data, size);

    if (!frame)
        return;
    frame->kind = kind;
    frame->from_server = from_server;
}

static int
dissect_frame(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data G_GNUC_UNUSED)
{
    static const uint8_t client[4] = { 10, 0, 0, 1 }, server[4] = { 10, 0, 0, 2 };
    bool from_server = current->from_server;

    set_address(&pinfo->src, AT_IPv4, 4, from_server ? server : client);
    set_address(&pinfo->dst, AT_IPv4, 4, from_server ? client : server);
    copy_address_shallow(&pinfo->net_src, &pinfo->src);
    copy_address_shallow(&pinfo->net_dst, &pinfo->dst);
    pinfo->ptype = PT_TCP;
    pinfo->srcport = from_server ? 80 : 40000;
    pinfo->destport = from_server ? 40000 : 80;
    fuzz_dissect(tvb, pinfo, tree, current->kind);
    return (int)tvb_captured_length(tvb);
}

static void
register_fuzz(void)
{
    proto_fuzz = proto_register_protocol("Fuzzed bytes", "Fuzz", "oxcfuzz");
}

static void
handoff_fuzz(void)
{
    dissector_add_uint("wtap_encap", WTAP_ENCAP_USER0, create_dissector_handle(dissect_frame, proto_fuzz));
}

static void
dissect(epan_dissect_t *edt, frame_t *frame)
{
    wtap_rec rec = { 0 };
    static const frame_data *reference, *previous;

    rec.rec_type = REC_TYPE_PACKET;
    rec.presence_flags = WTAP_HAS_TS | WTAP_HAS_CAP_LEN;
    rec.ts = frame->time;
    rec.rec_header.packet_header.caplen = frame->captured;
    rec.rec_header.packet_header.len = frame->size;
    rec.rec_header.packet_header.pkt_encap = frame->encapsulation;
    if (!frame->fd.visited) {
        nstime_t elapsed = NSTIME_INIT_ZERO;
        uint32_t bytes = 0;

        frame_data_init(&frame->fd, (uint32_t)(frame - frames) + 1, &rec, 0, bytes);
        frame_data_set_before_dissect(&frame->fd, &elapsed, &reference, previous);
    }
    current = frame;
    epan_dissect_run(edt, WTAP_FILE_TYPE_SUBTYPE_UNKNOWN, &rec, tvb_new_real_data(frame->bytes, frame->captured, (int)frame->size),
                     &frame->fd, &columns);
    if (edt->tree)
        epan_dissect_fill_in_columns(edt, FALSE, TRUE);
    epan_dissect_reset(edt);
}

static const nstime_t *
frame_time(struct packet_provider_data *prov G_GNUC_UNUSED, uint32_t number)
{
    return number >= 1 && number <= frame_count ? &frames[number - 1].time : NULL;
}

static void
dissect_all(epan_dissect_t *first, epan_dissect_t *later)
{
    for (unsigned i = 0; i < frame_count; i++)
        dissect(first, &frames[i]);
    for (unsigned i = frame_count; i > 0; i--)
        dissect(later, &frames[i - 1]);
    for (unsigned i = 0; i < frame_count; i++)
        frame_data_destroy(&frames[i].fd);
    fuzz_reset();
}

/* Dissects the input and forgets it; what is still held then is returned. */
static int64_t
run(const uint8_t *data, size_t size)
{
    double began = cpu_seconds();

    frame_count = 0;
    now = INT64_C(1700000000000000);
    snaplen = 0;
    memory = memory_peak = 0;
    memory_counts = __sanitizer_get_allocated_size != NULL && size % COUNT_MEMORY_EVERY == 0;
    fuzz_target(data, size);
    /* Wireshark's first pass over a file may do without a tree. */
    dissect_all(size % 4 == 0 ? without_tree : with_tree, with_tree);
    for (unsigned i = 0; i < frame_count; i++)
        free(frames[i].bytes);
    memory_counts = false;
    check_costs(size, cpu_seconds() - began);
    return memory;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned runs = 0;

    /* Looking for leaks in all of Wireshark's heap takes a thousand times as long as an input. */
    while (run(data, size) > LEAK_PER_FRAME * (int64_t)frame_count) {
        if (++runs == LEAK_RUNS) {
            fprintf(stderr, "ERROR: an input of %zu bytes leaks: %" PRId64 " bytes each time\n", size, memory);
            abort();
        }
    }
    return 0;
}

/* ---- start ---- */

const char *__asan_default_options(void);

/* What is freed is kept for a while, to be seen when it is used; 256 MB of it would be all that the caches of a processor see. */
__attribute__((visibility("default"))) const char *
__asan_default_options(void)
{
    return "quarantine_size_mb=8:malloc_context_size=1:detect_leaks=0:check_printf=0";
}

/*
 * Takes the place of libwsutil's: WIRESHARK_DATA_DIR is not listened to for root, and reading the lists of services, vendors and
 * enterprises for every input takes a hundred times as long as the input.
 */
__attribute__((visibility("default"))) gboolean
started_with_special_privs(void)
{
    return FALSE;
}

static void
say_nothing(const char *format G_GNUC_UNUSED, va_list args G_GNUC_UNUSED)
{
}

int
LLVMFuzzerInitialize(int *argc G_GNUC_UNUSED, char ***argv)
{
    static const proto_plugin fuzz = { register_fuzz, handoff_fuzz };
    static const struct packet_provider_funcs functions = { .get_frame_ts = frame_time };
    static char user_port[] = "oxcnotif.udp.port:4003";     /* what comes there is a notification because the user says so */
    char *problem;
    epan_t *session;

    /* No settings of the person who runs it, every allocation one that the sanitizer sees, no error passed over. */
    g_setenv("HOME", "/nonexistent", TRUE);
    g_setenv("XDG_CONFIG_HOME", "/nonexistent", TRUE);
    g_setenv("WIRESHARK_DATA_DIR", "/nonexistent", TRUE);       /* lists of names, read anew for every file */
    g_setenv("WIRESHARK_DEBUG_WMEM_OVERRIDE", "simple", FALSE);
    g_setenv("G_SLICE", "always-malloc", TRUE);
    g_setenv("WIRESHARK_ABORT_ON_DISSECTOR_BUG", "1", TRUE);
    ws_log_init("fuzz", say_nothing);
    init_process_policies();
    problem = configuration_init((*argv)[0], NULL);
    g_free(problem);
    timestamp_set_type(TS_RELATIVE);
    timestamp_set_precision(TS_PREC_AUTO);
    timestamp_set_seconds_type(TS_SECONDS_DEFAULT);
    wtap_init(FALSE);
    plugin_register();
    proto_register_plugin(&fuzz);
    if (!epan_init(NULL, NULL, FALSE))
        return 1;
    prefs_set_pref(user_port, &problem);
    g_free(problem);
    prefs_apply_all();
    build_column_format_array(&columns, epan_load_settings()->num_cols, TRUE);
    disable_name_resolution();
    fuzz_reset_prepare();
    session = epan_new(NULL, &functions);
    with_tree = epan_dissect_new(session, TRUE, TRUE);
    without_tree = epan_dissect_new(session, FALSE, FALSE);
    frames = (frame_t *)calloc(MAX_FRAMES, sizeof *frames);
    if (__sanitizer_install_malloc_and_free_hooks)
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    return 0;
}
