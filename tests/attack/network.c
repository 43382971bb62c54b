/* Network families: under `network = "none"` not one socket can be made. */
#include "probe.h"
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define FAMILY(name, family, type, protocol) \
    static int name(void) { return by(socket(family, type, protocol)); }
FAMILY(tcp, AF_INET, SOCK_STREAM, 0)
FAMILY(udp, AF_INET, SOCK_DGRAM, 0)
FAMILY(raw, AF_INET, SOCK_RAW, IPPROTO_ICMP)
FAMILY(ping, AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
FAMILY(mptcp, AF_INET, SOCK_STREAM, 262)
FAMILY(sctp, AF_INET, SOCK_STREAM, IPPROTO_SCTP)
FAMILY(udplite, AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE)
FAMILY(smc, 43, SOCK_STREAM, 0)
FAMILY(tcp6, AF_INET6, SOCK_STREAM, 0)
FAMILY(udp6, AF_INET6, SOCK_DGRAM, 0)
FAMILY(raw6, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)
FAMILY(unix_stream, AF_UNIX, SOCK_STREAM, 0)
FAMILY(unix_datagram, AF_UNIX, SOCK_DGRAM, 0)
FAMILY(unix_packets, AF_UNIX, SOCK_SEQPACKET, 0)
FAMILY(netlink_route, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)
FAMILY(netlink_generic, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC)
FAMILY(netlink_netfilter, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)
FAMILY(netlink_audit, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)
FAMILY(netlink_uevent, AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT)
FAMILY(netlink_diag, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)
FAMILY(netlink_connector, AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR)
FAMILY(netlink_crypto, AF_NETLINK, SOCK_RAW, NETLINK_CRYPTO)
FAMILY(packet, AF_PACKET, SOCK_RAW, 0)
FAMILY(packet_datagram, AF_PACKET, SOCK_DGRAM, 0)
FAMILY(vsock, AF_VSOCK, SOCK_STREAM, 0)
FAMILY(alg, AF_ALG, SOCK_SEQPACKET, 0)
FAMILY(bluetooth, AF_BLUETOOTH, SOCK_RAW, 1)
FAMILY(can, AF_CAN, SOCK_RAW, 1)
FAMILY(xdp, 44, SOCK_RAW, 0)
FAMILY(kcm, 41, SOCK_DGRAM, 0)
FAMILY(rds, AF_RDS, SOCK_SEQPACKET, 0)
FAMILY(tipc, AF_TIPC, SOCK_STREAM, 0)
FAMILY(key, AF_KEY, SOCK_RAW, 2)
FAMILY(llc, AF_LLC, SOCK_STREAM, 0)
FAMILY(pppox, AF_PPPOX, SOCK_STREAM, 0)
FAMILY(qrtr, 42, SOCK_DGRAM, 0)

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}
static int victim_port(void) { return 20000 + target % 12000; }
static int connects(int protocol) {
    struct sockaddr_in to = loopback(victim_port());
    int end = socket(AF_INET, SOCK_STREAM, protocol);
    return end < 0 ? by(-1) : by(connect(end, (void *)&to, sizeof to));
}
static int tcp_connect(void) { return connects(0); }
static int mptcp_connect(void) { return connects(262); }
static int fast_open(void) {
    struct sockaddr_in to = loopback(victim_port());
    int end = socket(AF_INET, SOCK_STREAM, 0);
    return end < 0 ? by(-1) : by(sendto(end, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (void *)&to, sizeof to));
}
static int tcp_bind(void) {
    struct sockaddr_in at = loopback(0);
    int end = socket(AF_INET, SOCK_STREAM, 0);
    return end < 0 ? by(-1) : by(bind(end, (void *)&at, sizeof at));
}
/* The kernel picks a port when there was no bind. */
static int tcp_listen(void) {
    int end = socket(AF_INET, SOCK_STREAM, 0);
    return end < 0 ? by(-1) : by(listen(end, 1));
}
static int udp_send(void) {
    struct sockaddr_in to = loopback(9);
    int end = socket(AF_INET, SOCK_DGRAM, 0);
    return end < 0 ? by(-1) : by(sendto(end, "x", 1, 0, (void *)&to, sizeof to));
}
static int udp_bind(void) {
    struct sockaddr_in at = loopback(0);
    int end = socket(AF_INET, SOCK_DGRAM, 0);
    return end < 0 ? by(-1) : by(bind(end, (void *)&at, sizeof at));
}
static int tipc_pair(void) { int ends[2]; return by(socketpair(AF_TIPC, SOCK_SEQPACKET, 0, ends)); }

const struct probe network[] = {
    {"tcp", tcp}, {"tcp-connect", tcp_connect}, {"tcp-bind", tcp_bind}, {"tcp-listen", tcp_listen},
    {"tcp-fast-open", fast_open}, {"mptcp", mptcp}, {"mptcp-connect", mptcp_connect}, {"sctp", sctp},
    {"smc", smc}, {"udp", udp}, {"udp-send", udp_send}, {"udp-bind", udp_bind}, {"udplite", udplite},
    {"raw", raw}, {"ping", ping}, {"tcp6", tcp6}, {"udp6", udp6}, {"raw6", raw6},
    {"unix-stream", unix_stream}, {"unix-datagram", unix_datagram}, {"unix-packets", unix_packets},
    {"netlink-route", netlink_route}, {"netlink-generic", netlink_generic},
    {"netlink-netfilter", netlink_netfilter}, {"netlink-audit", netlink_audit},
    {"netlink-uevent", netlink_uevent}, {"netlink-diag", netlink_diag},
    {"netlink-connector", netlink_connector}, {"netlink-crypto", netlink_crypto}, {"packet", packet},
    {"packet-datagram", packet_datagram}, {"vsock", vsock}, {"alg", alg}, {"bluetooth", bluetooth},
    {"can", can}, {"xdp", xdp}, {"kcm", kcm}, {"rds", rds}, {"tipc", tipc}, {"tipc-pair", tipc_pair},
    {"pf-key", key}, {"llc", llc}, {"pppox", pppox}, {"qrtr", qrtr}, {0},
};
