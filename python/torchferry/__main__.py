"""`python -m torchferry` is `ferry`; `torchrun -m torchferry train ...` needs it."""

from torchferry.cli.main import main

main()
