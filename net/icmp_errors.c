// SPDX-License-Identifier: MIT
#include "net/icmp_errors.h"

#include "kernel/core.h"
#include "kernel/random.h"
#include "kernel/time.h"

#include "lwip/icmp.h"
#include "lwip/icmp6.h"

#define ANSWER_NS  (NS_PER_S / 10)
#define AT_ONCE_NS NS_PER_S // ten of them

static PERCORE struct {
    uint64_t paid_ns; // until when there is nothing for an answer, but for what goes at once
    uint64_t withheld;
} limit;

// An answer costs nothing, once or twice its time, by chance. With a price that is known, who sends
// packets in a server's name could count what is left for itself, and so learn which of them met an
// open port: that of a question to a DNS server (CVE-2020-25705).
static bool may_answer(void)
{
    uint64_t now_ns = time_now_ns();
    uint64_t paid_ns = LWIP_MAX(limit.paid_ns, now_ns);
    if (paid_ns - now_ns >= AT_ONCE_NS) {
        limit.withheld++;
        return false;
    }
    limit.paid_ns = paid_ns + random_u32() % 3 * ANSWER_NS;
    return true;
}

uint64_t net_icmp_errors_withheld_of(unsigned core)
{
    const typeof(limit) *of = core_local_of(core, &limit);
    return of == NULL ? 0 : of->withheld;
}

// ---- in lwIP's place: its own go by these names (LWIP_HOOKS_icmp) -------------------------------

void net_lwip_icmp_dest_unreach(struct pbuf *packet, enum icmp_dur_type code);
void net_lwip_icmp_time_exceeded(struct pbuf *packet, enum icmp_te_type code);
void net_lwip_icmp6_dest_unreach(struct pbuf *packet, enum icmp6_dur_code code);
void net_lwip_icmp6_time_exceeded_with_addrs(struct pbuf *packet, enum icmp6_te_code code,
                                             const ip6_addr_t *source,
                                             const ip6_addr_t *destination);
void net_lwip_icmp6_param_problem(struct pbuf *packet, enum icmp6_pp_code code, const void *at);

void icmp_dest_unreach(struct pbuf *packet, enum icmp_dur_type code)
{
    if (may_answer())
        net_lwip_icmp_dest_unreach(packet, code);
}

void icmp_time_exceeded(struct pbuf *packet, enum icmp_te_type code)
{
    if (may_answer())
        net_lwip_icmp_time_exceeded(packet, code);
}

void icmp6_dest_unreach(struct pbuf *packet, enum icmp6_dur_code code)
{
    if (may_answer())
        net_lwip_icmp6_dest_unreach(packet, code);
}

void icmp6_time_exceeded_with_addrs(struct pbuf *packet, enum icmp6_te_code code,
                                    const ip6_addr_t *source, const ip6_addr_t *destination)
{
    if (may_answer())
        net_lwip_icmp6_time_exceeded_with_addrs(packet, code, source, destination);
}

void icmp6_param_problem(struct pbuf *packet, enum icmp6_pp_code code, const void *at)
{
    if (may_answer())
        net_lwip_icmp6_param_problem(packet, code, at);
}
