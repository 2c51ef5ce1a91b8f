"""Runs one command with its output to a pipe or a file and prints what it took, as JSON.

    measure.py pipe|first|watched|PATH COMMAND...

seconds: wall clock from the start to the end of command and reader; cpu: of the command alone, in seconds;
firstByte: seconds to the first byte (pipe to this program only, mode "first"); memory: its peak, in bytes, or that of a
program that it ran, if that is more; descriptors and threads: the most that it had open and running at once (mode "watched",
a pipe; its memory is then its own alone). SIGTERM is the command's.
"""
import json
import os
import signal
import subprocess
import sys
import threading
import time

# Seconds between two looks at a command that is watched: a look takes a tenth of a millisecond.
EVERY = 0.005
most = {"fd": 0, "task": 0}
own = 0


def watch(pid):
    global own
    try:
        while True:
            for name in most:
                most[name] = max(most[name], len(os.listdir(f"/proc/{pid}/{name}")))
            with open(f"/proc/{pid}/status") as status:
                peak = [line for line in status if line.startswith("VmHWM:")]
            # In kilobytes; what is ending has none.
            own = max(own, int(peak[0].split()[1]) * 1024 if peak else 0)
            time.sleep(EVERY)
    except OSError:
        pass  # It has ended.


target, command = sys.argv[1], sys.argv[2:]
quiet = dict(stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
start = time.monotonic()
first = None
if target in ("pipe", "watched"):
    child = subprocess.Popen(command, stdout=subprocess.PIPE, **quiet)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    if target == "watched":
        threading.Thread(target=watch, args=[child.pid], daemon=True).start()
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
    "memory": own if target == "watched" else usage.ru_maxrss * 1024,
    "firstByte": first,
    "descriptors": most["fd"],
    "threads": most["task"],
    "status": os.waitstatus_to_exitcode(status),
}))
