"""A network between two namespaces that delays every packet and loses some of them.

    lossy_link.py NAME_A NAME_B DELAY_MS LOSS_PERCENT SEED

Makes two TUN devices with these names, prints `ready`, and carries IP packets from one to the other until it is killed,
which removes the devices. The same seed loses the same packets of each direction, counted from the first. Needs root.
`cargo xtask bench loss` moves the devices into namespaces and gives them addresses.
"""

import fcntl
import os
import queue
import random
import struct
import sys
import threading
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
PACKET_BYTES_MAX = 65536
# Packets on their way in one direction; what is more is lost, as in any router.
QUEUE_PACKETS_MAX = 10_000


def device(name):
    """A TUN device as an open file."""
    file = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return file


def take(source, waiting, delay, loss, seed):
    """Reads packets, and drops some."""
    rng = random.Random(seed)
    while True:
        try:
            packet = os.read(source, PACKET_BYTES_MAX)
        except OSError:
            # The device is down while it moves between namespaces.
            time.sleep(0.01)
            continue
        if rng.random() >= loss:
            try:
                waiting.put_nowait((time.monotonic() + delay, packet))
            except queue.Full:
                pass


def give(target, waiting):
    """Writes each packet when its time has come."""
    while True:
        due, packet = waiting.get()
        pause = due - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        try:
            os.write(target, packet)
        except OSError:
            pass


def main():
    name_a, name_b, delay_ms, loss_percent, seed = sys.argv[1:]
    a, b = device(name_a), device(name_b)
    delay, loss = float(delay_ms) / 1e3, float(loss_percent) / 1e2
    for source, target, direction in ((a, b, 0), (b, a, 1)):
        waiting = queue.Queue(QUEUE_PACKETS_MAX)
        arguments = (source, waiting, delay, loss, int(seed) * 2 + direction)
        threading.Thread(target=take, args=arguments, daemon=True).start()
        threading.Thread(target=give, args=(target, waiting), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
