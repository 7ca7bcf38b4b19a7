// SPDX-License-Identifier: MIT
#include "net/tcp_recovery.h"

#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/time.h"
#include "net/demux.h"
#include "net/segments.h"
#include "net/tcp_cubic.h"
#include "net/tcp_scoreboard.h"
#include "net/tcp_window.h"

#define TIMEOUT_MIN_US    200000u // beyond the usual round trip, as others do; RFC 6298 has 1 s
#define TIMEOUT_MAX_US    60000000u
#define TIMEOUT_SHIFT_MAX 8
#define PROBES_MAX        3       // in a row, each after twice the wait of the one before
#define PROBE_SLACK_US    2000u   // beyond two round trips
#define PEER_WAITS_US     200000u // a peer may keep the acknowledgement of one segment back so long
#define BUSY_NS           (10 * NS_PER_MS)
#define WINDOW_MAX        (1u << 30)
#define WINDOW_INITIAL    14600u // ten usual segments, RFC 6928

enum phase {
    OPEN,
    RECOVERING, // until what was on its way when the loss was found is acknowledged
    TIMED_OUT,  // the same after a timeout
};

enum wait {    // what the timer is for
    FOR_ORDER, // section 6.2 of RFC 8985: it may still come
    FOR_PROBE,
    FOR_TIMEOUT,
};

struct net_recovery {
    struct timer timer;
    struct tcp_pcb *pcb;
    enum phase phase;
    enum wait wait;
    uint64_t due_ns; // of the wait; the timer may come sooner
    uint64_t timeout_from_ns, probe_from_ns;
    uint32_t order_wait_us;             // 0: for nothing
    uint32_t cwnd, ssthresh;            // bytes
    uint32_t buffer_extra;              // of net/tcp_window.h
    uint32_t point;                     // end of what was on its way when the phase began
    uint32_t trip_us, trip_variance_us; // 0: none was measured
    uint32_t timeout_us;
    unsigned timeouts; // in a row
    // How much was on its way when recovery began, and since then arrived and was sent. RFC 6937
    uint32_t at_loss, delivered, sent;
    // What to go back to if all that was sent again since was needless.
    bool can_undo;
    uint32_t cwnd_before, ssthresh_before;
    int32_t resent;        // segments sent again whose duplicates were not reported
    uint32_t stamped_us;   // when it sent last
    unsigned probes;       // in a row
    bool is_probing;       // what a probe told is to be judged
    bool has_resent_probe; // it was not new data
    uint32_t probe_end;
    bool must_send; // whatever the window says
    bool sends_probe;
    struct net_scoreboard board;
    struct net_cubic cubic;
};

PERCORE uint32_t net_recovery_now_us;
static PERCORE struct net_recovery_stats stats;

struct net_recovery_stats net_recovery_stats_of(unsigned core)
{
    const struct net_recovery_stats *of = core_local_of(core, &stats);
    return of == NULL ? (struct net_recovery_stats){0} : *of;
}

static uint64_t look_at_clock(void)
{
    uint64_t now_ns = time_now_ns();
    net_recovery_now_us = (uint32_t)(now_ns / NS_PER_US);
    return now_ns;
}

static struct net_recovery *of(const struct tcp_pcb *pcb)
{
    return tcp_ext_arg_get(pcb, NET_EXT_ARG_RECOVERY);
}

// ---- beginning and end --------------------------------------------------------------------------

static void timer_expired(struct timer *timer);

static void destroyed(u8_t id, void *data)
{
    (void)id;
    struct net_recovery *recovery = data;
    if (recovery == NULL)
        return;
    timer_stop(&recovery->timer);
    net_window_shrink_buffer(recovery->pcb, &recovery->buffer_extra);
    heap_free(recovery);
}
static const struct tcp_ext_arg_callbacks callbacks = {destroyed, NULL};

void net_recovery_begin(struct tcp_pcb *pcb)
{
    if (pcb->state < ESTABLISHED || (pcb->flags & TF_SACK) == 0 ||
        (pcb->flags & (TF_RTO | TF_INFR)) != 0)
        return;
    struct net_recovery *recovery = heap_alloc_zeroed(sizeof(*recovery));
    if (recovery == NULL)
        return;
    recovery->pcb = pcb;
    recovery->timer.expired = timer_expired;
    bool has_lost = pcb->ssthresh < TCP_SND_BUF; // lwIP begins with this
    recovery->ssthresh = has_lost ? pcb->ssthresh : WINDOW_MAX;
    recovery->cwnd = has_lost ? pcb->cwnd : LWIP_MAX(pcb->cwnd, WINDOW_INITIAL);
    recovery->timeout_us = (uint32_t)pcb->rto * TCP_SLOW_INTERVAL * 1000;
    recovery->board.highest = recovery->board.patience_from = pcb->lastack;
    recovery->timeout_from_ns = recovery->probe_from_ns = look_at_clock();
    recovery->stamped_us = net_recovery_now_us;
    // When these were sent is not known.
    for (struct tcp_seg *seg = pcb->unacked; seg != NULL; seg = seg->next) {
        seg->flags |= NET_SEGMENT_RESENT;
        seg->p->sent_us = net_recovery_now_us;
    }
    tcp_ext_arg_set_callbacks(pcb, NET_EXT_ARG_RECOVERY, &callbacks);
    tcp_ext_arg_set(pcb, NET_EXT_ARG_RECOVERY, recovery);
    tcp_set_flags(pcb, NET_TF_RECOVERY);
}

// All was acknowledged for a while.
static void end(struct net_recovery *recovery)
{
    struct tcp_pcb *pcb = recovery->pcb;
    pcb->cwnd = LWIP_MIN(recovery->cwnd, WINDOW_INITIAL);
    pcb->ssthresh = LWIP_MIN(recovery->ssthresh, TCP_SND_BUF);
    tcp_clear_flags(pcb, NET_TF_RECOVERY);
    tcp_ext_arg_set(pcb, NET_EXT_ARG_RECOVERY, NULL);
    destroyed(0, recovery);
}

// ---- the congestion window ----------------------------------------------------------------------

static void remember(struct net_recovery *recovery)
{
    recovery->can_undo = true;
    recovery->cwnd_before = recovery->cwnd;
    recovery->ssthresh_before = recovery->ssthresh;
    recovery->resent = 0;
}

static void begin_phase(struct net_recovery *recovery, enum phase phase)
{
    struct tcp_pcb *pcb = recovery->pcb;
    if (recovery->phase == OPEN) {
        remember(recovery);
        recovery->ssthresh = net_cubic_lost(&recovery->cubic, recovery->cwnd, pcb->mss);
    }
    recovery->phase = phase;
    recovery->point = pcb->snd_nxt;
    recovery->at_loss = LWIP_MAX(pcb->snd_nxt - pcb->lastack, pcb->mss);
    recovery->delivered = recovery->sent = 0;
    recovery->is_probing = false;
}

// As much goes out as arrives, in the end the share that CUBIC leaves.
static void reduce(struct net_recovery *recovery, uint32_t in_flight, uint32_t delivered)
{
    uint32_t ssthresh = recovery->ssthresh, mss = recovery->pcb->mss;
    recovery->delivered += delivered;
    int64_t room;
    if (in_flight > ssthresh) {
        room = (int64_t)(((uint64_t)recovery->delivered * ssthresh + recovery->at_loss - 1) /
                         recovery->at_loss) -
               recovery->sent;
    } else {
        int64_t owed = (int64_t)recovery->delivered - recovery->sent;
        room = LWIP_MAX(owed, (int64_t)delivered) + mss;
        room = LWIP_MIN(room, (int64_t)(ssthresh - in_flight));
    }
    recovery->cwnd = in_flight + (uint32_t)LWIP_MAX(room, 0);
}

static void grow(struct net_recovery *recovery, uint32_t flight_before, uint32_t acknowledged)
{
    uint32_t cwnd = recovery->cwnd, mss = recovery->pcb->mss;
    bool is_slow_start = cwnd < recovery->ssthresh;
    if (acknowledged == 0 || cwnd >= WINDOW_MAX ||
        flight_before + 2 * mss < (is_slow_start ? cwnd / 2 : cwnd))
        return; // nothing is known of a window that is not used
    if (is_slow_start)
        recovery->cwnd = LWIP_MIN(cwnd + acknowledged, LWIP_MAX(recovery->ssthresh, cwnd + mss));
    else
        recovery->cwnd = net_cubic_acknowledged(&recovery->cubic, cwnd, acknowledged,
                                                net_recovery_now_us, recovery->trip_us, mss);
}

// Nothing was lost after all.
static void undo_if_needless(struct net_recovery *recovery, uint32_t duplicates)
{
    stats.needless += duplicates;
    if (!recovery->can_undo || duplicates == 0 || recovery->resent <= 0)
        return;
    recovery->resent -= (int32_t)duplicates;
    if (recovery->resent > 0)
        return;
    recovery->cwnd = LWIP_MAX(recovery->cwnd, recovery->cwnd_before);
    recovery->ssthresh = recovery->ssthresh_before;
    recovery->phase = OPEN;
    recovery->can_undo = false;
    recovery->cubic.has_begun = false;
    stats.undone++;
}

// ---- timeouts -----------------------------------------------------------------------------------

static void measured(struct net_recovery *recovery, uint32_t trip_us)
{
    if (recovery->trip_us == 0) {
        recovery->trip_us = trip_us;
        recovery->trip_variance_us = trip_us / 2;
    } else {
        uint32_t off_us =
            trip_us > recovery->trip_us ? trip_us - recovery->trip_us : recovery->trip_us - trip_us;
        recovery->trip_variance_us += off_us / 4 - recovery->trip_variance_us / 4;
        recovery->trip_us += trip_us / 8 - recovery->trip_us / 8;
    }
    recovery->timeout_us =
        recovery->trip_us + LWIP_MAX(4 * recovery->trip_variance_us, TIMEOUT_MIN_US);
}

// Decides what is waited for, and has the timer come at that time or before.
static void arm(struct net_recovery *recovery, uint64_t now_ns)
{
    const struct tcp_pcb *pcb = recovery->pcb;
    if (pcb->unacked == NULL) {
        recovery->due_ns = TIME_NEVER;
        if (!recovery->timer.pending) // to end
            timer_start(&recovery->timer, now_ns + recovery->timeout_us * NS_PER_US);
        return;
    }
    unsigned shift = LWIP_MIN(recovery->timeouts, TIMEOUT_SHIFT_MAX);
    uint64_t timeout_us = LWIP_MIN((uint64_t)recovery->timeout_us << shift, TIMEOUT_MAX_US);
    recovery->wait = FOR_TIMEOUT;
    recovery->due_ns = recovery->timeout_from_ns + timeout_us * NS_PER_US;
    if (recovery->order_wait_us != 0) {
        recovery->wait = FOR_ORDER;
        recovery->due_ns = now_ns + recovery->order_wait_us * NS_PER_US;
    } else if (recovery->probes < PROBES_MAX && recovery->trip_us != 0 && recovery->timeouts == 0) {
        bool is_one = pcb->snd_nxt - pcb->lastack <= pcb->mss;
        uint64_t probe_us = 2 * recovery->trip_us + (is_one ? PEER_WAITS_US : PROBE_SLACK_US);
        uint64_t probe_ns = recovery->probe_from_ns + (probe_us << recovery->probes) * NS_PER_US;
        if (probe_ns < recovery->due_ns) {
            recovery->wait = FOR_PROBE;
            recovery->due_ns = probe_ns;
        }
    }
    if (!recovery->timer.pending || recovery->timer.deadline_ns > recovery->due_ns)
        timer_start(&recovery->timer, recovery->due_ns);
}

// The last segment once more, or a new one: what comes back tells what was lost.
static void probe(struct net_recovery *recovery, uint64_t now_ns)
{
    struct tcp_pcb *pcb = recovery->pcb;
    recovery->probes++;
    recovery->probe_from_ns = now_ns;
    recovery->is_probing = recovery->phase == OPEN;
    recovery->must_send = true;
    recovery->can_undo = false;
    recovery->has_resent_probe = false;
    stats.probes++;
    const struct tcp_seg *next = pcb->unsent;
    if (next == NULL || net_segment_end(next) - pcb->lastack > pcb->snd_wnd)
        recovery->has_resent_probe = net_scoreboard_choose_last(&recovery->board, pcb);
    recovery->sends_probe = true;
    (void)net_recovery_output(pcb);
    recovery->sends_probe = false;
    recovery->probe_end = pcb->snd_nxt;
}

// The probe was what arrived in place of a lost segment, unless the peer says that it got both.
static void judge_probe(struct net_recovery *recovery, const struct net_acknowledged *got)
{
    if (!recovery->is_probing || TCP_SEQ_LT(got->up_to, recovery->probe_end))
        return;
    if (recovery->has_resent_probe && got->duplicates == 0) {
        if (got->up_to == recovery->probe_end)
            return; // the other one may still be reported
        recovery->cwnd = recovery->ssthresh =
            net_cubic_lost(&recovery->cubic, recovery->cwnd, recovery->pcb->mss);
    }
    recovery->is_probing = false;
}

static void time_out(struct net_recovery *recovery, uint64_t now_ns)
{
    struct tcp_pcb *pcb = recovery->pcb;
    if (pcb->unacked->p->ref != 1) { // the device has not even sent it
        recovery->timeout_from_ns += BUSY_NS;
        arm(recovery, now_ns);
        return;
    }
    stats.timeouts++;
    begin_phase(recovery, TIMED_OUT);
    net_scoreboard_all_lost(&recovery->board, pcb);
    recovery->cubic.has_begun = false;
    recovery->cwnd = pcb->mss;
    recovery->must_send = true;
    recovery->timeout_from_ns = now_ns;
    recovery->timeouts++;
    if (pcb->nrtx < UINT8_MAX)
        pcb->nrtx++; // lwIP ends the connection after TCP_MAXRTX
    (void)net_recovery_output(pcb);
}

// ---- input --------------------------------------------------------------------------------------

static void find_lost(struct net_recovery *recovery, uint32_t up_to)
{
    uint32_t lost = net_scoreboard_find_lost(&recovery->board, recovery->pcb, up_to,
                                             net_recovery_now_us, recovery->trip_us,
                                             recovery->phase != OPEN, &recovery->order_wait_us);
    if (lost == 0 || recovery->phase != OPEN)
        return;
    begin_phase(recovery, RECOVERING);
    recovery->must_send = true;
}

void net_recovery_input(struct tcp_pcb *pcb, const struct tcp_hdr *header, uint32_t option_bytes)
{
    struct net_recovery *recovery = of(pcb);
    uint32_t up_to = header->ackno;
    if ((TCPH_FLAGS(header) & TCP_ACK) == 0 || pcb->unacked == NULL ||
        !TCP_SEQ_BETWEEN(up_to, pcb->lastack, pcb->snd_nxt))
        return;
    uint64_t now_ns = look_at_clock();
    struct net_sack sack;
    net_sack_read(&sack, (const uint8_t *)(header + 1), option_bytes);
    struct net_acknowledged got = {.now_us = net_recovery_now_us, .up_to = up_to};
    net_scoreboard_take(&recovery->board, pcb, &sack, &got);
    uint32_t flight_before = pcb->snd_nxt - pcb->lastack, acknowledged = up_to - pcb->lastack;
    if (got.trip_us != 0)
        measured(recovery, got.trip_us);
    if (acknowledged > 0) {
        recovery->timeout_from_ns = now_ns;
        recovery->timeouts = recovery->probes = 0;
    }
    recovery->probe_from_ns = now_ns;
    undo_if_needless(recovery, got.duplicates);
    judge_probe(recovery, &got);
    if (recovery->phase != OPEN && TCP_SEQ_GEQ(up_to, recovery->point)) {
        if (recovery->phase == RECOVERING)
            recovery->cwnd = recovery->ssthresh;
        recovery->phase = OPEN;
    }
    find_lost(recovery, up_to);
    uint32_t in_flight = net_scoreboard_in_flight(&recovery->board, pcb, up_to);
    if (recovery->phase == RECOVERING)
        reduce(recovery, in_flight, got.delivered);
    else
        grow(recovery, flight_before, acknowledged);
    net_window_grow_buffer(pcb, &recovery->buffer_extra, LWIP_MIN(recovery->cwnd, pcb->snd_wnd));
}

// ---- output -------------------------------------------------------------------------------------

// Lost segments go to where lwIP sends from, as far as the window allows. Returns: the end of the
// last one, `none` if there is none.
static uint32_t move_lost(struct net_recovery *recovery, uint32_t in_flight, uint32_t none)
{
    struct tcp_pcb *pcb = recovery->pcb;
    struct tcp_seg **link = &pcb->unacked, **to = &pcb->unsent;
    uint32_t moved_end = none;
    while (*link != NULL) {
        struct tcp_seg *seg = *link;
        // One that the device still reads cannot be sent again.
        if ((seg->flags & NET_SEGMENT_LOST) == 0 || seg->p->ref != 1) {
            link = &seg->next;
            continue;
        }
        if (!recovery->must_send &&
            in_flight + LWIP_MIN(TCP_TCPLEN(seg), pcb->mss) > recovery->cwnd)
            break;
        if (seg->len > pcb->mss) {
            net_segments_divide_first(pcb, link);
            seg = *link;
        }
        *link = seg->next;
        seg->next = *to;
        *to = seg;
        to = &seg->next;
        seg->flags = (u8_t)((seg->flags & ~NET_SEGMENT_LOST) | NET_SEGMENT_RESENT);
        moved_end = net_segment_end(seg);
        in_flight += TCP_TCPLEN(seg);
        recovery->resent++;
        recovery->must_send = false;
    }
    return moved_end;
}

// What could not be sent again stays lost, so that lwIP's list of what was never sent is just that.
static void move_back(struct net_recovery *recovery, uint32_t sent_before)
{
    struct tcp_pcb *pcb = recovery->pcb;
    struct tcp_seg **to = &pcb->unacked;
    while (pcb->unsent != NULL && TCP_SEQ_LEQ(net_segment_end(pcb->unsent), sent_before)) {
        struct tcp_seg *seg = pcb->unsent;
        pcb->unsent = seg->next;
        while (*to != NULL && TCP_SEQ_LT(net_segment_start(*to), net_segment_start(seg)))
            to = &(*to)->next;
        seg->next = *to;
        *to = seg;
        seg->flags |= NET_SEGMENT_LOST;
        recovery->resent--;
        pcb->persist_backoff = 0;
    }
}

static void count_resent(const struct net_recovery *recovery, int32_t segments)
{
    if (recovery->phase == TIMED_OUT)
        stats.resent_timeout += (uint32_t)segments;
    else if (!recovery->sends_probe)
        stats.resent_early += (uint32_t)segments;
}

// What is sent is later than all before, and than what arrived, on however coarse a clock.
static void stamp_later(struct net_recovery *recovery)
{
    uint32_t earliest_us = recovery->stamped_us + recovery->board.is_disordered;
    if ((int32_t)(net_recovery_now_us - earliest_us) < 0)
        net_recovery_now_us = earliest_us;
    recovery->stamped_us = net_recovery_now_us;
}

err_t net_recovery_output(struct tcp_pcb *pcb)
{
    struct net_recovery *recovery = of(pcb);
    if (pcb->unsent == NULL && !recovery->board.is_disordered) {
        if (pcb->unacked != NULL)
            arm(recovery, look_at_clock());
        return net_lwip_tcp_output(pcb);
    }
    uint64_t now_ns = look_at_clock();
    uint32_t flight = pcb->snd_nxt - pcb->lastack, sent_before = pcb->snd_nxt;
    uint32_t in_flight = net_scoreboard_in_flight(&recovery->board, pcb, pcb->lastack);
    uint32_t room = recovery->cwnd > in_flight ? recovery->cwnd - in_flight : 0;
    if (recovery->must_send)
        room = LWIP_MAX(room, pcb->mss);
    uint32_t window = pcb->snd_wnd;
    int32_t resent_before = recovery->resent;
    stamp_later(recovery);
    if (recovery->board.is_disordered) {
        uint32_t moved_end = move_lost(recovery, in_flight, pcb->lastack);
        uint32_t moved = 0;
        for (const struct tcp_seg *seg = pcb->unsent;
             seg != NULL && TCP_SEQ_LEQ(net_segment_end(seg), sent_before); seg = seg->next)
            moved += TCP_TCPLEN(seg);
        recovery->sent += moved;
        room = room > moved ? room - moved : 0;
        tcp_set_flags(pcb, TF_INFR); // they do not wait for others
        // they were in the window when they were sent first
        pcb->snd_wnd = LWIP_MAX(window, moved_end - pcb->lastack);
    }
    recovery->must_send = false;
    pcb->cwnd = flight + room;
    net_segments_fit_to_window(pcb);
    err_t error = net_lwip_tcp_output(pcb);
    pcb->snd_wnd = window;
    tcp_clear_flags(pcb, TF_INFR);
    move_back(recovery, sent_before);
    if (recovery->resent != resent_before)
        count_resent(recovery, recovery->resent - resent_before);
    recovery->sent += pcb->snd_nxt - sent_before;
    if (flight == 0)
        recovery->timeout_from_ns = now_ns;
    if (pcb->snd_nxt != sent_before)
        recovery->probe_from_ns = now_ns;
    arm(recovery, now_ns);
    return error;
}

static void timer_expired(struct timer *timer)
{
    struct net_recovery *recovery = CONTAINER_OF(timer, struct net_recovery, timer);
    struct tcp_pcb *pcb = recovery->pcb;
    uint64_t now_ns = look_at_clock();
    if (pcb->unacked == NULL) {
        if (pcb->unsent == NULL)
            end(recovery);
        return;
    }
    if (now_ns < recovery->due_ns) {
        timer_start(&recovery->timer, recovery->due_ns);
        return;
    }
    if (recovery->wait == FOR_ORDER) {
        recovery->order_wait_us = 0;
        find_lost(recovery, pcb->lastack);
        (void)net_recovery_output(pcb);
    } else if (recovery->wait == FOR_PROBE) {
        probe(recovery, now_ns);
    } else {
        time_out(recovery, now_ns);
    }
}
