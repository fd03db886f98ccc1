# SPDX-License-Identifier: GPL-2.0-or-later
"""The one way in which the benchmark measures a command."""

import os
import subprocess
import sys
import time

# A small process starts the command: its peak of memory is then not that of the benchmark.
START = ("import os, sys; pid = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:]); _, status, usage = os.wait4(pid, 0); "
         "os.write(2, b'@%d %f %d' % (status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss))")


def run_once(*words, env=None):
    """Return the seconds, peak megabytes and seconds of CPU time of a command."""
    begin = time.time()
    run = subprocess.run([sys.executable, "-I", "-S", "-c", START, *map(str, words)], stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, env=env or os.environ, check=False)
    took = time.time() - begin
    status, seconds, memory = run.stderr.rsplit(b"@", 1)[1].split()
    if int(status):
        sys.exit(f"bench: failed: {' '.join(map(str, words))}: {run.stderr.decode(errors='replace')}")
    return took, int(memory) / 1024, float(seconds)
