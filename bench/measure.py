"""Runs one command with its output to a pipe or a file and prints what it took, as JSON.

    measure.py pipe|PATH COMMAND...

seconds: wall clock from the start to the end of command and reader; cpu: of the command alone, in seconds;
first_byte: seconds to the first byte (pipe to this program only, mode "first"); memory: its peak, in bytes.
"""
import json
import os
import subprocess
import sys
import time

target, command = sys.argv[1], sys.argv[2:]
quiet = dict(stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
start = time.monotonic()
first = None
if target == "pipe":
    child = subprocess.Popen(command, stdout=subprocess.PIPE, **quiet)
    reader = subprocess.Popen(["cat"], stdin=child.stdout, stdout=subprocess.DEVNULL)
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    reader.wait()
elif target == "first":
    child = subprocess.Popen(command, stdout=subprocess.PIPE, **quiet)
    os.read(child.stdout.fileno(), 1)
    first = time.monotonic() - start
    while os.read(child.stdout.fileno(), 1 << 16):
        pass
    _, status, usage = os.wait4(child.pid, 0)
else:
    with open(target, "wb") as file:
        child = subprocess.Popen(command, stdout=file, **quiet)
    _, status, usage = os.wait4(child.pid, 0)
seconds = time.monotonic() - start
print(json.dumps({
    "seconds": seconds,
    "cpu": usage.ru_utime + usage.ru_stime,
    "memory": usage.ru_maxrss * 1024,
    "firstByte": first,
    "status": os.waitstatus_to_exitcode(status),
}))
