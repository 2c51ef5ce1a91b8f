"""Runs Python programs for tests, each in a fork of this process, which has loaded what they import.

A request is a line of JSON: {"script", "arguments", "input", "output"}; its standard error goes to OUTPUT.err. The
answer is a line with its exit status.
"""
import argparse, datetime, hashlib, json, pathlib, tarfile, threading
import io
import os
import runpy
import sys
import traceback


def child(script, arguments, input, output):
    for path, fd in ((output, 1), (output + ".err", 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), fd)
    sys.argv, sys.stdin = [script, *arguments], io.StringIO(input)
    try:
        runpy.run_path(script, run_name="__main__")
        status = 0
    except SystemExit as exit:
        status = exit.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


for line in sys.stdin:
    process = os.fork()
    if process == 0:
        child(**json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
