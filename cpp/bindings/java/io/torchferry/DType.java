package io.torchferry;

/** The element types of a contract, in the order of ferry/engine.h. */
public enum DType {
  BOOL(1),
  UINT8(1),
  INT8(1),
  INT16(2),
  INT32(4),
  INT64(8),
  FLOAT32(4),
  FLOAT64(8);

  /** Bytes of one element. */
  public final int size;

  DType(int size) {
    this.size = size;
  }

  static DType of(int number) {
    return values()[number];
  }
}
