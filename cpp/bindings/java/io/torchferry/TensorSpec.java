package io.torchferry;

/** A tensor of the contract; a symbolic dim, such as the batch, is -1. */
public final class TensorSpec {
  public final String name;
  public final DType dtype;
  private final long[] shape;

  TensorSpec(byte[] name, int dtype, long[] shape) {
    this.name = Native.text(name);
    this.dtype = DType.of(dtype);
    this.shape = shape;
  }

  public long[] shape() {
    return shape.clone();
  }
}
