"""`trial.py BUNDLE`: a user's program in Python without torch; see tests/package/test_wheel_languages.py."""

import sys

import numpy as np

from torchferry import native
from torchferry.errors import FerryError

try:
    bundle = native.open_bundle(sys.argv[1])
    bundle.allow_native()
    with bundle.session("c") as session:
        print(session.run({"measurements": np.array([[5.1, 1.8]], np.float32)})["net_input"][0])
    print("same" if bundle.verify("c").passed else "other")
except FerryError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.code)
