#!/usr/bin/env python3
"""How long real Linux TCP takes over a link: `sudo ./measure.py [--jobs N] [--out table.tsv] [ROW...]`.

For each row it makes two network namespaces, joins them by `link` (link.c, beside this file), sets both to the kernel's defaults
(initial window 10, windows scaled up to tcp_rmem 6 MiB and tcp_wmem 4 MiB, slow start after idle, no metrics saved from connection to
connection), and sends so many bytes over one new connection. The time is from the call of connect to the receiver's last byte, on one
clock. A row is `algorithm:round trip ms:Mbit/s:loss per million:bytes:runs`; without any, those of ROWS are measured.

The queue before the link holds what is in flight at the rate and the round trip, and at least 100 packets of 1,514 bytes.
Needs: root, /dev/net/tun, ip, cc. It writes one line a row: the row, then the median and all times in seconds.
"""

import argparse
import concurrent.futures
import ctypes
import os
import pathlib
import socket
import statistics
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PORT = 9443
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)

SIZES = (65_536, 1_000_000, 50_000_000)


def rows():
    """The rows of the table in ../../LINKS.md."""
    for trip in (1, 10, 40, 100, 300):
        for rate in (10, 100, 1000):
            for size in SIZES:
                yield ("cubic", trip, rate, 0, size, 1 if size * 8 > rate * 10_000_000 else 5)
    yield ("cubic", 40, 100, 0, 1_000_000_000, 1)
    for size in SIZES:
        yield ("reno", 40, 100, 0, size, 5)
    for loss in (100, 1_000, 10_000):
        for trip in (1, 10, 40, 100, 300):
            for algorithm in ("cubic", "reno") if trip == 40 else ("cubic",):
                long = 20_000_000 if loss < 10_000 or trip < 40 else 5_000_000 if trip < 300 else 3_000_000
                for size in (65_536, 1_000_000, long):
                    yield (algorithm, trip, 100, loss, size, 20)
    for algorithm in ("cubic", "reno"):
        yield (algorithm, 40, 100, 1_000, 50_000_000, 20)


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def enter(name):
    """Enters a namespace, before all that is not measured."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    with open(f"/var/run/netns/{name}") as file:
        if LIBC.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), name)


def receive(ready, result):
    """Accepts one connection after the other; tells for each when its last byte had come."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("10.9.0.2", PORT))
    listener.listen()
    os.write(ready, b"r")
    buffer = bytearray(1 << 20)
    while True:
        connection, _ = listener.accept()
        total = 0
        while count := connection.recv_into(buffer):
            total += count
            at = time.monotonic_ns()
        os.write(result, struct.pack("<QQ", at, total))
        connection.close()


def send(algorithm, size):
    """Sends; gives the time of the call of connect."""
    connection = socket.socket()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, algorithm.encode())
    begin = time.monotonic_ns()
    connection.connect(("10.9.0.2", PORT))
    block = memoryview(bytes(1 << 20))
    left = size
    while left:
        left -= connection.send(block[: min(left, len(block))])
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)
    connection.close()
    return begin


def measure(row):
    """Times of a row's transfers, in seconds."""
    place = os.getpid()
    algorithm, trip, rate, loss, size, runs = row
    names = [f"fd{place}a", f"fd{place}b"]
    bits = rate * 1_000_000
    latency = trip * 1_000_000 // 2
    queue = max(bits * trip // 8000, 100 * 1514)
    for name in names:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
        run("ip", "netns", "add", name)
    words = [HERE / "link", bits, latency, loss, queue, hash((row, place)) & 0xFFFFFFFF, f"fdt{place}a", f"fdt{place}b"]
    link = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE)
    children = []
    try:
        link.stdout.readline()
        for name, address in zip(names, ("10.9.0.1", "10.9.0.2")):
            device = f"fdt{place}{name[-1]}"
            run("ip", "link", "set", device, "netns", name)
            inside = ["ip", "netns", "exec", name]
            run(*inside, "ip", "addr", "add", f"{address}/24", "dev", device)
            run(*inside, "ip", "link", "set", device, "mtu", "1500", "txqueuelen", "10000", "up")
            for setting in (
                "net.ipv4.tcp_rmem=4096 131072 6291456",
                "net.ipv4.tcp_wmem=4096 16384 4194304",
                "net.ipv4.tcp_no_metrics_save=1",
                "net.ipv4.tcp_slow_start_after_idle=1",
            ):
                run(*inside, "sysctl", "-q", "-w", setting)
        ready, result = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            enter(names[1])
            receive(ready[1], result[1])
        children.append(child)
        os.read(ready[0], 1)
        times = []
        for _ in range(runs):
            back = os.pipe()
            child = os.fork()
            if child == 0:
                enter(names[0])
                os.write(back[1], struct.pack("<Q", send(algorithm, size)))
                os._exit(0)
            begin = struct.unpack("<Q", os.read(back[0], 8))[0]
            os.waitpid(child, 0)
            at, total = struct.unpack("<QQ", os.read(result[0], 16))
            assert total == size, (row, total)
            times.append((at - begin) / 1e9)
            for file in back:
                os.close(file)
        return times
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
        link.kill()
        link.wait()
        for name in names:
            run("ip", "netns", "del", name)


def parse(text):
    algorithm, *numbers = text.split(":")
    return (algorithm, *map(int, numbers))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, help="rows measured at the same time")
    parser.add_argument("--out", type=argparse.FileType("w"), default=sys.stdout, help="a file in place of the terminal")
    parser.add_argument("rows", nargs="*", type=parse)
    options = parser.parse_args()
    run("cc", "-O2", "-Wall", "-Wextra", "-o", str(HERE / "link"), str(HERE / "link.c"))
    chosen = options.rows or list(rows())
    chosen.sort(key=lambda row: -row[2])
    with options.out as out, concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        waiting = {pool.submit(measure, row): row for row in chosen}
        for done in concurrent.futures.as_completed(waiting):
            times = done.result()
            row = ":".join(map(str, waiting[done]))
            print(row, f"{statistics.median(times):.4f}", *(f"{t:.4f}" for t in times), sep="\t", file=out, flush=True)


if __name__ == "__main__":
    sys.exit(main())
