"""Schemathesis against a server and its OpenAPI document.

    python benchmarks/schema.py --number 100

Serves an empty ``filesystem`` folder on a free port and runs ``schemathesis run`` there, with
every check but `negative_data_rejection` and `positive_data_acceptance`: which names are files
is for the storage to say, and a header that is no range is passed over, as RFC 9110 asks.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LEFT_OUT = "negative_data_rejection,positive_data_acceptance"


def main() -> None:
    """Serve, and let schemathesis ask."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--number", type=int, default=100, help="examples of each operation")
    parser.add_argument("--schemathesis", default=str(Path(sys.executable).parent / "schemathesis"))
    phases = "examples,coverage,fuzzing,stateful"
    parser.add_argument("--phases", default=phases)
    given = parser.parse_args()
    serve = [sys.executable, "-m", "zarr_backends_http", "serve", "filesystem", "--quiet"]
    with tempfile.TemporaryDirectory() as path:
        process = subprocess.Popen(
            [*serve, "--port", "0", "-o", f"path={path}"], stdout=subprocess.PIPE, text=True
        )
        try:
            url = re.search(r"http://\S+", process.stdout.readline())[0]  # type: ignore[index,union-attr]
            command = [given.schemathesis, "run", f"{url}/openapi.json", "--url", url]
            command += ["--max-examples", str(given.number), "--seed", "1"]
            command += ["--phases", given.phases, "--exclude-checks"]
            done = subprocess.run([*command, LEFT_OUT], cwd=path, check=False)
        finally:
            process.terminate()
            process.wait(30)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
