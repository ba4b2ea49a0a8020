"""
What a process of otel-bridge's own sets for itself, and a program that it is part of keeps.
"""

import subprocess
import sys

PROGRAM = """
import gc, sys
before = (gc.get_threshold(), sys.getswitchinterval(), gc.get_freeze_count())
import otel_bridge
from otel_bridge.cli import main
assert before == (gc.get_threshold(), sys.getswitchinterval(), gc.get_freeze_count())
sys.argv = ["otel-bridge", "--version"]
try:
    main.main()
except SystemExit as done:
    assert done.code == 0
assert gc.isenabled()
assert gc.get_threshold()[0] > before[0][0]
assert sys.getswitchinterval() < before[1]
assert gc.get_freeze_count() > before[2]
"""


def test_the_program_sets_it_and_importing_the_package_does_not() -> None:
    """
    Garbage is looked for less often and threads take shorter turns in the program that
    people start; importing all of it changes nothing for a program that does so.
    """
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
