"""The format `perceptron`: its row. What it names is imported when a bundle is exported or run."""

from torchferry.formats.registry import Format

FORMAT = Format(
    name="perceptron",
    engine="perceptron",
    help="a classifier of one hidden layer, as text",
    exporter="ferry_perceptron.export:export",
    opener="ferry_perceptron.engine:open_model",
)
