"""What commands of the steps try: `tries.py WHAT [ARGUMENT]`."""

import os
import socket
import sys
import time

MIB = 1 << 20


def memory() -> None:
    """More together than each for itself."""
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            held = bytearray(b"x" * (16 * MIB))
            time.sleep(60)
            os._exit(len(held) & 1)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    print("held it all")


def tasks() -> None:
    """As many as there may be."""
    for number in range(64):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        print("started", number + 1, flush=True)


def cpu() -> None:
    """What share of a processor there is, in percent."""
    begin, used = time.monotonic(), time.process_time()
    while time.monotonic() - begin < 3:
        pass
    print(round(100 * (time.process_time() - used) / (time.monotonic() - begin)))


def hold(mib: str) -> None:
    """So much memory of its own, until it ends."""
    held = bytearray(b"x" * (int(mib) * MIB))
    print("held", len(held) // MIB)


def read(mib: str) -> None:
    """So much of the files that nobody has read, which the kernel keeps."""
    left = int(mib) * MIB
    for folder, _, names in os.walk("/usr/lib"):
        for name in names:
            path = os.path.join(folder, name)
            if left > 0 and os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    left -= len(file.read(left))
    print("left", max(left, 0))


def empty(path: str) -> None:
    os.truncate(path, 0)
    print("emptied")


def signal(number: str) -> None:
    os.kill(int(number), 0)
    print("signalled")


def attach(name: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(name.replace("@", "\0"))
    print("connected")


try:
    globals()[sys.argv[1]](*sys.argv[2:])
except OSError as error:
    print("refused:", error.strerror)
