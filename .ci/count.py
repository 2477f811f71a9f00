"""How many tests a step had: reads its log, prints "passed failed".

Sums of vitest ("Tests  3 failed | 120 passed (123)") and of our own scripts ("12 passed, 0 failed", alone
in a line) are added up; a log without any counts as one test. A step whose exit code is not 0 has at least
one failure, whatever its log says.
"""

import re
import sys

log, exit_code = open(sys.argv[1], errors="replace").read(), int(sys.argv[2])
log = re.sub(r"\x1b\[[0-9;]*m", "", log)
passed = failed = 0
for sums in re.findall(r"^ *Tests +(.+)$", log, re.M) + re.findall(r"^\d+ passed, \d+ failed$", log, re.M):
    for count, word in re.findall(r"(\d+) (passed|failed)", sums):
        if word == "passed":
            passed += int(count)
        else:
            failed += int(count)
if passed + failed == 0 and exit_code == 0:
    passed = 1
if exit_code != 0:
    failed = max(failed, 1)
print(passed, failed)
