"""The inside of a contender in Python: what ../measure.ts is for the others.

The task comes as an argument, the cost of the measured phase goes to stdout as one line of JSON.
"""

import json
import re
import resource
import sys
import time
from pathlib import Path


def read_task():
    return json.loads(sys.argv[1])


def measure(phase):
    cpu_before, started_at = cpu_seconds(), time.perf_counter()
    phase()
    seconds = time.perf_counter() - started_at
    cost = {"seconds": seconds, "cpuSeconds": cpu_seconds() - cpu_before, "peakBytes": peak_bytes()}
    print(json.dumps(cost))


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_bytes():
    """On Linux ru_maxrss begins with what the parent process had; VmHWM is this program's own."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.M)[1]) * 1024
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
