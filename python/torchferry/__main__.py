"""`python -m torchferry` is `ferry`; `torchrun -m torchferry train ...` needs it.

`-m` puts the working folder in front of all modules: in a bundle's folder a `torch.py` would be imported instead of torch. What
the working folder calls `torchferry` itself Python has imported before this line; `ferry` and `python -P` look there for nothing.
"""

import sys
from pathlib import Path

sys.path[:] = [folder for folder in sys.path if folder and folder != str(Path.cwd())]

from torchferry.programs import ferry  # noqa: E402

ferry()
