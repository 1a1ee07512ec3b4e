"""Known faults of the locked packages. Fails where one is known; says how many packages could not be looked up.

An index that is a mirror may not serve the list of faults: then nothing is audited, and this says so.
"""

import json
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Audit both locks; 1 where a fault is known."""
    known, audited, unknown = [], 0, 0
    for lock in ("requirements.txt", "requirements-dev.txt"):
        command = [str(Path(sys.executable).with_name("pip-audit")), "--require-hashes", "--disable-pip"]
        command += ["-r", lock, "-f", "json", "--progress-spinner=off"]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
        try:
            found = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            print(f"{lock}: pip-audit gave no answer: {done.stderr.decode(errors='replace').strip()[-300:]}")
            continue
        unknown += sum("skip_reason" in each for each in found)
        audited += sum("skip_reason" not in each for each in found)
        for each in found:
            known += [f"{each['name']} {each['version']}: {fault['id']}" for fault in each.get("vulns", ())]
    print(f"{audited} packages audited, {unknown} not known to the index's list of faults")
    if not audited:
        print("NOTHING WAS AUDITED: this index serves no list of known faults; run it against one that does")
    print("\n".join(sorted(set(known))))
    return 1 if known else 0


sys.exit(main())
