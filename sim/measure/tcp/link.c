/* A link between two network namespaces: a rate, a latency, a queue and random loss, each way.
 *
 *   link BITS_PER_SECOND LATENCY_NANOSECONDS LOSS_PER_MILLION QUEUE_BYTES SEED NAME_A NAME_B
 *
 * It makes two TUN devices and relays between them, for kernels without netem. A packet of n bytes of IP takes the link for n + 14 bytes,
 * as tc counts a frame of Ethernet. What does not fit into the queue is dropped; of the rest one in a million / LOSS_PER_MILLION is lost.
 * Segmentation offload is off on a TUN device, so each packet is one segment. It prints "ready" once both devices are there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 1 << 16, LONGEST = 2048, FRAME_BYTES = 14 };

struct packet {
	uint64_t due;
	int length;
	char *bytes;
};

struct way {
	int from, to;
	uint64_t busy_until;
	uint32_t head, tail;
	struct packet packets[PLACES];
};

static struct way ways[2];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t state;

static uint64_t draw(void)
{
	/* splitmix64 */
	uint64_t z = (state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int device(const char *name)
{
	struct ifreq request;
	int file = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (file < 0)
		fail("/dev/net/tun");
	memset(&request, 0, sizeof request);
	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(file, TUNSETIFF, &request) < 0)
		fail(name);
	return file;
}

int main(int count, char **words)
{
	if (count != 8) {
		fprintf(stderr, "usage: link BITS_PER_SECOND LATENCY_NANOSECONDS LOSS_PER_MILLION QUEUE_BYTES SEED NAME_A NAME_B\n");
		return 2;
	}
	uint64_t rate = strtoull(words[1], 0, 10), latency = strtoull(words[2], 0, 10);
	uint64_t loss = strtoull(words[3], 0, 10), queue = strtoull(words[4], 0, 10);
	state = strtoull(words[5], 0, 10);
	ways[0].from = ways[1].to = device(words[6]);
	ways[0].to = ways[1].from = device(words[7]);
	prctl(PR_SET_TIMERSLACK, 1);
	struct sched_param first = {.sched_priority = 10};
	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		perror("without a real-time priority times are less exact");
	puts("ready");
	fflush(stdout);
	char bytes[LONGEST];
	for (;;) {
		uint64_t next = UINT64_MAX;
		for (int i = 0; i < 2; i++) {
			struct way *way = &ways[i];
			int length;
			while ((length = (int)read(way->from, bytes, sizeof bytes)) > 0) {
				uint64_t at = now();
				uint64_t starts = way->busy_until > at ? way->busy_until : at;
				uint64_t waiting = (uint64_t)((__uint128_t)(starts - at) * rate / 8000000000u);
				if (waiting > queue || way->head - way->tail == PLACES)
					continue;
				way->busy_until = starts + (uint64_t)(length + FRAME_BYTES) * 8000000000u / rate;
				if (draw() % 1000000 < loss)
					continue;
				struct packet *packet = &way->packets[way->head++ % PLACES];
				packet->due = way->busy_until + latency;
				packet->length = length;
				packet->bytes = malloc((size_t)length);
				memcpy(packet->bytes, bytes, (size_t)length);
			}
			while (way->tail != way->head) {
				struct packet *packet = &way->packets[way->tail % PLACES];
				if (packet->due > now()) {
					next = packet->due < next ? packet->due : next;
					break;
				}
				if (write(way->to, packet->bytes, (size_t)packet->length) < 0 && errno != EINVAL && errno != EIO)
					fail("write");
				free(packet->bytes);
				way->tail++;
			}
		}
		struct pollfd files[2] = {{ways[0].from, POLLIN, 0}, {ways[1].from, POLLIN, 0}};
		uint64_t at = now();
		struct timespec wait = {1, 0};
		if (next != UINT64_MAX) {
			uint64_t left = next > at ? next - at : 0;
			wait.tv_sec = (time_t)(left / 1000000000u);
			wait.tv_nsec = (long)(left % 1000000000u);
		}
		ppoll(files, 2, &wait, 0);
	}
}
