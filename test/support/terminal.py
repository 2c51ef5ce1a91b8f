"""Runs a command in a terminal of its own: python terminal.py COLUMNS KEYS STATUS COMMAND...

Standard error is the terminal; so is standard output, unless $OUT names a file. What the command shows goes to standard
output. KEYS are typed once the block counts layers, STATUS is a file for the exit status.
"""
import fcntl
import os
import pty
import struct
import sys
import termios

columns, keys, status, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    if 'OUT' in os.environ:
        os.dup2(os.open(os.environ['OUT'], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(columns), 0, 0))
    os.execvp(command[0], command)
shown = b''
while True:
    try:
        piece = os.read(terminal, 1 << 16)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    if keys and b' layers' in shown:
        os.write(terminal, keys.encode())
        keys = ''
sys.stdout.buffer.write(shown)
with open(status, 'w') as file:
    file.write(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
