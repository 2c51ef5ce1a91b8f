"""Holds a file mapped for writing: what is written through a mapping changes no time of a file on a tmpfs.

    hold-mapping.py FILE

Each line of standard input is answered by a line when it is done. `write OFFSET BYTE` writes one byte; `hammer`
writes other bytes to the whole file over and over, is answered after the first time, and ends at the next line.
"""
import mmap
import select
import sys

with open(sys.argv[1], "r+b", buffering=0) as file:
    mapping = mmap.mmap(file.fileno(), 0)

for line in sys.stdin:
    name, *numbers = line.split()
    if name == "write":
        offset, byte = map(int, numbers)
        mapping[offset] = byte
    else:
        for count in range(1, 1 << 60):
            mapping[:] = bytes([1 + count % 255]) * len(mapping)
            if count == 1:
                print("hammering", flush=True)
            if select.select([sys.stdin], [], [], 0)[0]:
                sys.stdin.readline()
                break
    print("done", flush=True)
