"""Preprocessing as modules, so that it is exported with the model and C++ is fed raw values.

Integer input takes the dtype of the module's buffers: after `model.double()` the whole model computes in float64.
"""

from torch.nn import Flatten

from torchferry.preprocess.center_crop import CenterCrop
from torchferry.preprocess.channels_first import ChannelsFirst
from torchferry.preprocess.image import ImagePreprocess
from torchferry.preprocess.normalize import Normalize
from torchferry.preprocess.resize import Resize
from torchferry.preprocess.standardize import Standardize
from torchferry.preprocess.unit_scale import UnitScale

__all__ = [
    "CenterCrop",
    "ChannelsFirst",
    "Flatten",
    "ImagePreprocess",
    "Normalize",
    "Resize",
    "Standardize",
    "UnitScale",
]
